using UnityEditor;
using UnityEngine;
using UnityEngine.Playables;
using UnityEngine.Timeline;

namespace Spatia.Bridge.Editor
{
    /// <summary>A recorded camera path as a track of a Timeline, and a Timeline's camera as a path.</summary>
    public static class TimelinePaths
    {
        /// <summary>Adds the path as an animation track for a camera that is a child of the memory's object; one step of undo.
        /// </summary>
        public static void AddTrack(SpatiaCameraPath path, PlayableDirector director, Camera camera)
        {
            var timeline = (TimelineAsset)director.playableAsset;
            Undo.RegisterCompleteObjectUndo(timeline, "Add Spatia camera path");
            AnimationClip clip = path.ToClip();
            clip.name = "Spatia camera path";
            AssetDatabase.AddObjectToAsset(clip, timeline);
            AnimationTrack track = timeline.CreateTrack<AnimationTrack>(null, "Spatia camera");
            track.CreateClip(clip);
            Animator animator = camera.GetComponent<Animator>();
            if (animator == null) animator = Undo.AddComponent<Animator>(camera.gameObject);
            Undo.RecordObject(director, "Add Spatia camera path");
            director.SetGenericBinding(track, animator);
            EditorUtility.SetDirty(timeline);
        }

        [MenuItem("CONTEXT/SpatiaPathRecorder/To Timeline")]
        static void ToTimeline(MenuCommand command)
        {
            var recorder = (SpatiaPathRecorder)command.context;
            PlayableDirector director = Object.FindObjectOfType<PlayableDirector>();
            bool has = director != null && director.playableAsset is TimelineAsset;
            if (!has || recorder.rig == null || recorder.rig.Camera == null)
            {
                Debug.LogWarning("Spatia: a Playable Director with a Timeline, and a rig with a camera, are needed in the scene");
                return;
            }
            AddTrack(recorder.path, director, recorder.rig.Camera);
        }
    }
}
