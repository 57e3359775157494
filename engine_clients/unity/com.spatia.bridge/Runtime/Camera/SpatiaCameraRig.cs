using System;
using UnityEngine;
using Wire = Spatia.Bridge.Protocol;

namespace Spatia.Bridge
{
    /// <summary>Tells the server where a camera is, whenever it moved. Put it on any camera, or point Camera at one.
    /// <para>The server then knows which chunks to send first, can record the path, and shows memory under the camera if asked
    /// to.</para></summary>
    [AddComponentMenu("Spatia/Spatia Camera Rig")]
    public sealed class SpatiaCameraRig : MonoBehaviour
    {
        public SpatiaBridge bridge;
        [SerializeField, Tooltip("The camera to follow; without one that of this object, else the main camera.")]
        Camera _camera;
        [Range(1, 120), Tooltip("Poses a second at most.")]
        public float rateHz = 30;
        [Tooltip("The size in pixels that the intrinsics are for; zero: what the camera draws.")]
        public Vector2Int imageSize;

        readonly PoseStream _stream = new PoseStream();

        /// <summary>A pose was sent.</summary>
        public event Action<Wire.Camera> PoseSent = delegate { };

        /// <summary>Whom this rig follows now.</summary>
        public Camera Camera
        {
            get
            {
                if (_camera != null) return _camera;
                Camera own = GetComponent<Camera>();
                return own != null ? own : Camera.main;
            }
            set { _camera = value; }
        }

        /// <summary>The size that intrinsics are for.</summary>
        public Vector2Int ShownSize
        {
            get { return imageSize.x > 0 && imageSize.y > 0 ? imageSize : new Vector2Int(Camera.pixelWidth, Camera.pixelHeight); }
        }

        /// <summary>The pose relative to memory.</summary>
        public Pose RelativePose { get { return PoseStream.Relative(bridge, Camera); } }

        /// <summary>The true intrinsics; null if the camera has no perspective.</summary>
        public Wire.Intrinsics Intrinsics { get { return SpatiaIntrinsics.Of(Camera, ShownSize.x, ShownSize.y); } }

        /// <summary>Sends the pose in the next frame even if nothing moved.</summary>
        public void Resend() { _stream.Resend(); }

        void LateUpdate()
        {
            if (Camera == null) return;
            Vector2Int size = ShownSize;
            Wire.Camera sent = _stream.Step(bridge, Camera, size.x, size.y, rateHz, Time.realtimeSinceStartupAsDouble);
            if (sent != null) PoseSent(sent);
        }
    }
}
