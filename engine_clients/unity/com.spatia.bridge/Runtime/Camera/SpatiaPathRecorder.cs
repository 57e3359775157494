using System;
using UnityEngine;
using Wire = Spatia.Bridge.Protocol;

namespace Spatia.Bridge
{
    /// <summary>Records the path of a SpatiaCameraRig and plays it again, through the rig, as if it were flown now.</summary>
    [AddComponentMenu("Spatia/Spatia Path Recorder")]
    public sealed class SpatiaPathRecorder : MonoBehaviour
    {
        public SpatiaCameraRig rig;
        /// <summary>What was recorded; its ToClip makes an asset of it.</summary>
        public SpatiaCameraPath path = new SpatiaCameraPath();

        /// <summary>Playing came to its end.</summary>
        public event Action Played = delegate { };

        public bool Recording { get; private set; }
        public bool Playing { get; private set; }

        double _clockSecs;
        double _speed = 1;

        /// <summary>Forgets the path and records a new one.</summary>
        public void StartRecording()
        {
            path = new SpatiaCameraPath();
            _clockSecs = 0;
            Playing = false;
            Recording = true;
        }

        public void Stop()
        {
            Recording = false;
            Playing = false;
        }

        /// <summary>Moves the rig's camera along the path.</summary>
        public void Play(double speed = 1)
        {
            Recording = false;
            _clockSecs = 0;
            _speed = speed;
            Playing = path.Count > 0;
        }

        /// <summary>The path for SpatiaBridge.Generate, with the rig's intrinsics.</summary>
        public Wire.Trajectory ToTrajectory(double rateHz = 30) { return path.ToTrajectory(rig.Intrinsics, rateHz); }

        void Update()
        {
            if (rig == null || rig.Camera == null) return;
            if (Recording)
            {
                if (path.Count == 0 || _clockSecs > path.LengthSecs) path.Add(_clockSecs, rig.RelativePose);
                _clockSecs += Time.deltaTime;
            }
            else if (Playing)
            {
                _clockSecs = Math.Min(_clockSecs + Time.deltaTime * _speed, path.LengthSecs);
                Place(path.Sample(_clockSecs));
                if (_clockSecs < path.LengthSecs) return;
                Playing = false;
                Played();
            }
        }

        void Place(Pose relative)
        {
            SpatiaMemory memory = rig.bridge != null ? rig.bridge.Memory : null;
            Pose world = memory != null ? memory.WorldFrom(relative) : relative;
            rig.Camera.transform.SetPositionAndRotation(world.position, world.rotation);
        }
    }
}
