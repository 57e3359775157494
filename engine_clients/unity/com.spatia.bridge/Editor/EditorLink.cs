using UnityEditor;
using UnityEngine;

namespace Spatia.Bridge.Editor
{
    /// <summary>Moves the scene's bridge while the game does not run, tells the server of the scene view's camera, and ends
    /// connections before anything could hang on them: play mode's begin and end, a reload of scripts, the editor's
    /// end.</summary>
    [InitializeOnLoad]
    public static class EditorLink
    {
        const double PoseRateHz = 30;

        static readonly PoseStream Poses = new PoseStream();
        static SpatiaBridge _bridge;
        static double _lastSecs;

        static EditorLink()
        {
            EditorApplication.update += Tick;
            EditorApplication.playModeStateChanged += PlayModeChanged;
            EditorApplication.quitting += SpatiaBridge.DisconnectAll;
            AssemblyReloadEvents.beforeAssemblyReload += SpatiaBridge.DisconnectAll;
        }

        /// <summary>The bridge of the open scenes; null if they have none.</summary>
        public static SpatiaBridge Bridge
        {
            get { return _bridge != null ? _bridge : _bridge = Object.FindObjectOfType<SpatiaBridge>(); }
        }

        /// <summary>The scene view's camera; null if there is none.</summary>
        public static Camera SceneCamera
        {
            get { return SceneView.lastActiveSceneView != null ? SceneView.lastActiveSceneView.camera : null; }
        }

        /// <summary>Tells the server the scene view's pose soon, even if nothing moved.</summary>
        public static void ResendPose() { Poses.Resend(); }

        static void PlayModeChanged(PlayModeStateChange change)
        {
            bool ends = change == PlayModeStateChange.ExitingEditMode || change == PlayModeStateChange.ExitingPlayMode;
            if (ends) SpatiaBridge.DisconnectAll();
        }

        static void Tick()
        {
            if (Application.isPlaying || _bridge == null) return;
            double nowSecs = Time.realtimeSinceStartupAsDouble;
            _bridge.Pump(nowSecs - _lastSecs);
            _lastSecs = nowSecs;
            SpatiaMemory memory = _bridge.Memory;
            if (memory != null && !memory.IsUpToDate)
            {
                memory.Upload();
                SceneView.RepaintAll();
            }
            Camera camera = SceneCamera;
            if (camera == null || !SpatiaSettings.instance.streamCamera) return;
            Poses.Step(_bridge, camera, camera.pixelWidth, camera.pixelHeight, PoseRateHz, nowSecs);
        }
    }
}
