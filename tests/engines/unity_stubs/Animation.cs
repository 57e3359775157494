// Animation curves as Hermite splines with given tangents, clips that move an object's own transform, a director.
using System;
using System.Collections.Generic;

namespace UnityEngine
{
    public struct Keyframe
    {
        public float time, value, inTangent, outTangent;
        public Keyframe(float time, float value) : this() { this.time = time; this.value = value; }
    }

    public class AnimationCurve
    {
        readonly Keyframe[] _keys;
        public AnimationCurve(params Keyframe[] keys) { _keys = keys; }
        public int length { get { return _keys.Length; } }

        /// <summary>Weight 0: halfway between the slopes to both neighbours.</summary>
        public void SmoothTangents(int index, float weight)
        {
            float before = index > 0 ? Slope(index - 1) : 0, after = index + 1 < length ? Slope(index) : 0;
            float tangent = index == 0 ? after : index + 1 == length ? before : (before + after) / 2;
            _keys[index].inTangent = _keys[index].outTangent = tangent;
        }

        public float Evaluate(float time)
        {
            int next = Array.FindIndex(_keys, key => key.time >= time);
            if (next <= 0) return next < 0 ? _keys[length - 1].value : _keys[0].value;
            Keyframe a = _keys[next - 1], b = _keys[next];
            float span = b.time - a.time, t = (time - a.time) / span, t2 = t * t, t3 = t2 * t;
            return (2 * t3 - 3 * t2 + 1) * a.value + (t3 - 2 * t2 + t) * span * a.outTangent
                + (-2 * t3 + 3 * t2) * b.value + (t3 - t2) * span * b.inTangent;
        }

        public float LastTime { get { return length == 0 ? 0 : _keys[length - 1].time; } }

        float Slope(int index) { return (_keys[index + 1].value - _keys[index].value) / (_keys[index + 1].time - _keys[index].time); }
    }

    public class Motion : Object { }

    public sealed class AnimationClip : Motion
    {
        readonly Dictionary<string, AnimationCurve> _curves = new Dictionary<string, AnimationCurve>();

        public bool legacy { get; set; }
        public float frameRate { get; set; }

        public float length
        {
            get
            {
                float found = 0;
                foreach (AnimationCurve curve in _curves.Values) found = Math.Max(found, curve.LastTime);
                return found;
            }
        }

        public void SetCurve(string relativePath, Type type, string propertyName, AnimationCurve curve)
        {
            if (type != typeof(Transform) || relativePath != "") throw new ArgumentException("the stub moves only the object itself");
            _curves[propertyName] = curve;
        }

        public void EnsureQuaternionContinuity() { }

        public void SampleAnimation(GameObject go, float time)
        {
            Func<string, float> at = name => _curves[name].Evaluate(time);
            go.transform.localPosition = new Vector3(at("localPosition.x"), at("localPosition.y"), at("localPosition.z"));
            var turn = new Quaternion(at("localRotation.x"), at("localRotation.y"), at("localRotation.z"), at("localRotation.w"));
            var size = (float)Math.Sqrt(Quaternion.Dot(turn, turn));
            go.transform.localRotation = new Quaternion(turn.x / size, turn.y / size, turn.z / size, turn.w / size);
        }
    }

    public sealed class Animator : Behaviour { }
}

namespace UnityEngine.Playables
{
    public abstract class PlayableAsset : ScriptableObject { }

    public sealed class PlayableDirector : Behaviour
    {
        /// <summary>Not Unity's: what the timeline does.</summary>
        public Action<double> Moves = time => { };
        public double time { get; set; }
        public double duration { get; set; }
        public PlayableAsset playableAsset { get; set; }
        public void Evaluate() { Moves(time); }
        public void SetGenericBinding(Object key, Object value) { }
    }
}

namespace UnityEngine.Timeline
{
    public class TrackAsset : Playables.PlayableAsset { }
    public sealed class TimelineClip { }
    public sealed class AnimationTrack : TrackAsset { public TimelineClip CreateClip(AnimationClip clip) { return new TimelineClip(); } }

    public sealed class TimelineAsset : Playables.PlayableAsset
    {
        public T CreateTrack<T>(TrackAsset parent, string name) where T : TrackAsset, new() { return new T(); }
    }
}

namespace UnityEngine.UI
{
    public sealed class RawImage : MonoBehaviour { public Texture texture { get; set; } }
}
