using System;
using System.Collections.Generic;
using UnityEngine;
using UnityEngine.Playables;
using Wire = Spatia.Bridge.Protocol;

namespace Spatia.Bridge
{
    /// <summary>A camera's path, relative to memory: record it, keep it as an AnimationClip, play it again, or generate along it.
    /// </summary>
    [Serializable]
    public sealed class SpatiaCameraPath
    {
        [Serializable]
        public struct Key
        {
            public double timeSecs;
            public Pose pose;
        }

        [SerializeField] List<Key> _keys = new List<Key>();

        public int Count { get { return _keys.Count; } }
        public Key this[int place] { get { return _keys[place]; } }
        public double LengthSecs { get { return _keys.Count == 0 ? 0 : _keys[_keys.Count - 1].timeSecs; } }

        /// <summary>Adds where the camera is at a time.</summary>
        /// <exception cref="ArgumentException">Times do not grow.</exception>
        public void Add(double timeSecs, Pose pose)
        {
            if (_keys.Count > 0 && timeSecs <= LengthSecs) throw new ArgumentException("a path's times must grow");
            _keys.Add(new Key { timeSecs = timeSecs, pose = pose });
        }

        /// <summary>Where the camera is at a time; before the first and after the last key it stands still.</summary>
        public Pose Sample(double timeSecs)
        {
            if (_keys.Count == 0) return Pose.identity;
            int next = _keys.FindIndex(key => key.timeSecs >= timeSecs);
            if (next < 0) return _keys[_keys.Count - 1].pose;
            if (next == 0) return _keys[0].pose;
            Key a = _keys[next - 1], b = _keys[next];
            var share = (float)((timeSecs - a.timeSecs) / (b.timeSecs - a.timeSecs));
            return new Pose(Vector3.Lerp(a.pose.position, b.pose.position, share),
                            Quaternion.Slerp(a.pose.rotation, b.pose.rotation, share));
        }

        /// <summary>The path as a trajectory of the protocol, with so many cameras a second.</summary>
        public Wire.Trajectory ToTrajectory(Wire.Intrinsics intrinsics, double rateHz = 30)
        {
            var found = new Wire.Trajectory();
            for (int i = 0; i <= Math.Floor(LengthSecs * rateHz); ++i)
            {
                found.Cameras.Add(PoseStream.Message(Sample(i / rateHz), intrinsics, i / rateHz));
            }
            return found;
        }

        /// <summary>As an AnimationClip for a camera that is a child of the memory's object; relativePath as
        /// AnimationClip.SetCurve has it. A legacy clip is what a built player can make; the editor makes the other kind
        /// too.</summary>
        public AnimationClip ToClip(string relativePath = "", bool legacy = false)
        {
            var clip = new AnimationClip { legacy = legacy, frameRate = 30 };
            Set(clip, relativePath, "localPosition.x", pose => pose.position.x);
            Set(clip, relativePath, "localPosition.y", pose => pose.position.y);
            Set(clip, relativePath, "localPosition.z", pose => pose.position.z);
            Set(clip, relativePath, "localRotation.x", pose => pose.rotation.x);
            Set(clip, relativePath, "localRotation.y", pose => pose.rotation.y);
            Set(clip, relativePath, "localRotation.z", pose => pose.rotation.z);
            Set(clip, relativePath, "localRotation.w", pose => pose.rotation.w);
            clip.EnsureQuaternionContinuity();
            return clip;
        }

        /// <summary>A path from what stands somewhere at each time.</summary>
        public static SpatiaCameraPath Sampled(double lengthSecs, double rateHz, Func<double, Pose> relativeAt)
        {
            var found = new SpatiaCameraPath();
            for (int i = 0; i <= Math.Floor(lengthSecs * rateHz + 1e-6); ++i) found.Add(i / rateHz, relativeAt(i / rateHz));
            return found;
        }

        /// <summary>From a clip that moves a camera which is a child of the memory's object, such as ToClip makes.</summary>
        public static SpatiaCameraPath FromClip(AnimationClip clip, double rateHz = 30)
        {
            var puppet = new GameObject("Spatia path") { hideFlags = HideFlags.HideAndDontSave };
            try
            {
                return Sampled(clip.length, rateHz, timeSecs =>
                {
                    clip.SampleAnimation(puppet, (float)timeSecs);
                    return new Pose(puppet.transform.localPosition, puppet.transform.localRotation);
                });
            }
            finally
            {
                UnityEngine.Object.DestroyImmediate(puppet);
            }
        }

        /// <summary>From whatever a PlayableDirector (a Timeline) does with a camera; the director is put back to its time
        /// after.</summary>
        public static SpatiaCameraPath FromDirector(
            PlayableDirector director, SpatiaBridge bridge, Camera camera, double rateHz = 30)
        {
            double before = director.time;
            try
            {
                return Sampled(director.duration, rateHz, timeSecs =>
                {
                    director.time = timeSecs;
                    director.Evaluate();
                    return PoseStream.Relative(bridge, camera);
                });
            }
            finally
            {
                director.time = before;
                director.Evaluate();
            }
        }

        void Set(AnimationClip clip, string relativePath, string property, Func<Pose, float> value)
        {
            var curve = new AnimationCurve(_keys.ConvertAll(key => new Keyframe((float)key.timeSecs, value(key.pose))).ToArray());
            for (int i = 0; i < curve.length; ++i) curve.SmoothTangents(i, 0);
            clip.SetCurve(relativePath, typeof(Transform), property, curve);
        }
    }
}
