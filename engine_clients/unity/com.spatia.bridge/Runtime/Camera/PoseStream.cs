using UnityEngine;
using Wire = Spatia.Bridge.Protocol;

namespace Spatia.Bridge
{
    /// <summary>Tells a server where a camera is: at a rate at most, and only when it moved or its lens changed.</summary>
    public sealed class PoseStream
    {
        const float StillUnits = 1e-4f;
        const float StillTurn = 1e-4f;  // about radians: the length of the difference of two unit quaternions, doubled

        Pose _last;
        Wire.Intrinsics _lastIntrinsics;  // null: to be told at once
        double _nextSecs;

        /// <summary>Sends the pose if it is due; what was sent, else null.</summary>
        public Wire.Camera Step(SpatiaBridge bridge, Camera camera, int width, int height, double rateHz, double nowSecs)
        {
            if (bridge == null || !bridge.IsConnectedToServer)
            {
                Resend();  // the next server must be told at once
                return null;
            }
            if (camera == null || nowSecs < _nextSecs) return null;
            Wire.Intrinsics intrinsics = SpatiaIntrinsics.Of(camera, width, height);
            Pose placed = Relative(bridge, camera);
            if (intrinsics == null || (Same(intrinsics, _lastIntrinsics) && IsStill(placed))) return null;
            _last = placed;
            _lastIntrinsics = intrinsics;
            _nextSecs = nowSecs + 1 / rateHz;
            Wire.Camera message = Message(placed, intrinsics, nowSecs);
            bridge.Tell(new Wire.ClientMessage { Pose = new Wire.PoseUpdate { Camera = message } });
            return message;
        }

        /// <summary>Makes the next Step send even if nothing moved.</summary>
        public void Resend()
        {
            _lastIntrinsics = null;
            _nextSecs = 0;
        }

        /// <summary>A camera's pose relative to memory; its scale does not count.</summary>
        public static Pose Relative(SpatiaBridge bridge, Camera camera)
        {
            var world = new Pose(camera.transform.position, camera.transform.rotation);
            return bridge != null && bridge.Memory != null ? bridge.Memory.MemoryFrom(world) : world;
        }

        /// <summary>A camera of the protocol, placed relative to memory.</summary>
        public static Wire.Camera Message(Pose placed, Wire.Intrinsics intrinsics, double timeSecs)
        {
            return new Wire.Camera { Pose = SpatiaWire.Pose(placed), Intrinsics = intrinsics, TimeSecs = timeSecs };
        }

        bool IsStill(Pose placed)
        {
            Quaternion a = placed.rotation, b = _last.rotation;
            float side = Quaternion.Dot(a, b) < 0 ? -1 : 1;  // a quaternion and its negative are one turn
            var difference = new Vector4(a.x - side * b.x, a.y - side * b.y, a.z - side * b.z, a.w - side * b.w);
            return Vector3.Distance(placed.position, _last.position) < StillUnits && 2 * difference.magnitude < StillTurn;
        }

        static bool Same(Wire.Intrinsics a, Wire.Intrinsics b)
        {
            return b != null && a.Fx == b.Fx && a.Fy == b.Fy && a.Cx == b.Cx && a.Cy == b.Cy
                && a.Width == b.Width && a.Height == b.Height;
        }
    }
}
