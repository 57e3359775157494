using UnityEngine;
using Wire = Spatia.Bridge.Protocol;

namespace Spatia.Bridge
{
    /// <summary>A box or a ball in your level, to edit the memory inside: place it, size it by its handles in the editor, then
    /// remove, lock, recolour, move. May be anywhere in the scene; where memory is shown counts, not whose child it is.</summary>
    [AddComponentMenu("Spatia/Spatia Region")]
    public sealed class SpatiaRegion : MonoBehaviour
    {
        public enum Shape { Box, Sphere }

        public Shape shape = Shape.Box;
        [Tooltip("Of the box, before the object's own scale.")]
        public Vector3 size = Vector3.one;
        [Min(0.001f), Tooltip("Of the ball, before the object's own scale.")]
        public float radius = 0.5f;

        /// <summary>The region of the protocol, relative to where memory is shown; null memory: the level's own space.</summary>
        public Wire.Region Message(SpatiaMemory memory)
        {
            Pose placed = Placed(memory);
            Vector3 scale = transform.lossyScale / (memory != null ? memory.Scale : 1);
            if (shape == Shape.Box) return SpatiaWire.Box(placed, Vector3.Scale(size, scale));
            float widest = Mathf.Max(Mathf.Abs(scale.x), Mathf.Max(Mathf.Abs(scale.y), Mathf.Abs(scale.z)));
            return SpatiaWire.Sphere(placed.position, radius * widest);
        }

        /// <summary>What carries the points inside from here to where target is (a copy of this region, moved and turned),
        /// relative to memory.</summary>
        public Pose MotionTo(Pose target, SpatiaMemory memory)
        {
            Pose here = Placed(memory), there = memory != null ? memory.MemoryFrom(target) : target;
            Quaternion turn = there.rotation * Quaternion.Inverse(here.rotation);
            return new Pose(there.position - turn * here.position, turn);
        }

        Pose Placed(SpatiaMemory memory)
        {
            var world = new Pose(transform.position, transform.rotation);
            return memory != null ? memory.MemoryFrom(world) : world;
        }

        void OnDrawGizmos()
        {
            Gizmos.matrix = transform.localToWorldMatrix;
            Gizmos.color = new Color(1, 0.55f, 0.2f);
            if (shape == Shape.Box) Gizmos.DrawWireCube(Vector3.zero, size);
            else Gizmos.DrawWireSphere(Vector3.zero, radius);
        }
    }
}
