using UnityEditor;
using UnityEngine;

namespace Spatia.Bridge.Editor
{
    /// <summary>A recorder's path to an AnimationClip asset and back.</summary>
    static class PathMenu
    {
        [MenuItem("CONTEXT/SpatiaPathRecorder/To AnimationClip…")]
        static void ToClip(MenuCommand command)
        {
            var recorder = (SpatiaPathRecorder)command.context;
            string path = EditorUtility.SaveFilePanelInProject("Camera path", "CameraPath", "anim", "Where to?");
            if (path.Length > 0) AssetDatabase.CreateAsset(recorder.path.ToClip(), path);
        }

        [MenuItem("CONTEXT/SpatiaPathRecorder/From selected AnimationClip")]
        static void FromClip(MenuCommand command)
        {
            var recorder = (SpatiaPathRecorder)command.context;
            Undo.RecordObject(recorder, "Camera path from clip");
            recorder.path = SpatiaCameraPath.FromClip((AnimationClip)Selection.activeObject);
        }

        [MenuItem("CONTEXT/SpatiaPathRecorder/From selected AnimationClip", true)]
        static bool CanFromClip() { return Selection.activeObject is AnimationClip; }
    }
}
