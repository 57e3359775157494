using UnityEditor;
using UnityEditor.IMGUI.Controls;
using UnityEngine;
using Wire = Spatia.Bridge.Protocol;

namespace Spatia.Bridge.Editor
{
    /// <summary>Handles of a region in the scene view, and what can be done with the memory inside, above its
    /// properties.</summary>
    [CustomEditor(typeof(SpatiaRegion))]
    public sealed class RegionEditor : UnityEditor.Editor
    {
        const float Least = 0.001f;

        readonly BoxBoundsHandle _box = new BoxBoundsHandle();
        readonly SphereBoundsHandle _ball = new SphereBoundsHandle();

        public override void OnInspectorGUI()
        {
            var region = (SpatiaRegion)target;
            SpatiaBridge bridge = EditorLink.Bridge;
            bool ready = bridge != null && bridge.IsConnectedToServer;
            using (new EditorGUI.DisabledScope(!ready))
            {
                EditorGUILayout.BeginHorizontal();
                const string removal = "Take the points inside out of memory and keep the place empty";
                if (GUILayout.Button(new GUIContent("Remove points", removal)))
                {
                    Do(new Wire.Edit { Remove = region.Message(bridge.Memory) }, "Remove region of memory");
                }
                if (GUILayout.Button(new GUIContent("Lock", "No take may change what is inside")))
                {
                    Do(new Wire.Edit { Lock = region.Message(bridge.Memory) }, "Lock region of memory");
                }
                if (GUILayout.Button(new GUIContent("Recolour", "Mix the colours inside with this one")))
                {
                    var recolour = new Wire.Recolour
                    {
                        Region = region.Message(bridge.Memory), Rgb = SpatiaWire.Rgb(SpatiaSettings.instance.recolour),
                    };
                    Do(new Wire.Edit { Recolour = recolour }, "Recolour region of memory");
                }
                EditorGUI.BeginChangeCheck();
                SpatiaSettings.instance.recolour = EditorGUILayout.ColorField(SpatiaSettings.instance.recolour);
                if (EditorGUI.EndChangeCheck()) SpatiaSettings.instance.Keep();
                EditorGUILayout.EndHorizontal();
            }
            if (!ready) EditorGUILayout.HelpBox("Connect first: Window > Spatia.", MessageType.Info);
            DrawDefaultInspector();
        }

        void Do(Wire.Edit edit, string name) { MemoryEdits.Instance.Do(EditorLink.Bridge, edit, name); }

        void OnSceneGUI()
        {
            var region = (SpatiaRegion)target;
            using (new Handles.DrawingScope(new Color(1, 0.55f, 0.2f), region.transform.localToWorldMatrix))
            {
                if (region.shape == SpatiaRegion.Shape.Box) BoxHandle(region);
                else BallHandle(region);
            }
        }

        /// <summary>A face that is pulled moves alone, so the region's middle moves with it.</summary>
        void BoxHandle(SpatiaRegion region)
        {
            _box.center = Vector3.zero;
            _box.size = region.size;
            EditorGUI.BeginChangeCheck();
            _box.DrawHandle();
            if (!EditorGUI.EndChangeCheck()) return;
            Undo.RecordObjects(new Object[] { region, region.transform }, "Resize region");
            region.size = Vector3.Max(_box.size, Vector3.one * Least);
            region.transform.position = region.transform.TransformPoint(_box.center);
        }

        void BallHandle(SpatiaRegion region)
        {
            _ball.center = Vector3.zero;
            _ball.radius = region.radius;
            EditorGUI.BeginChangeCheck();
            _ball.DrawHandle();
            if (!EditorGUI.EndChangeCheck()) return;
            Undo.RecordObject(region, "Resize region");
            region.radius = Mathf.Max(_ball.radius, Least);
        }
    }
}
