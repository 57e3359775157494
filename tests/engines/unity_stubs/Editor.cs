// The editor's API that the package uses: signatures, and an undo that can be played back.
using System;
using System.Collections.Generic;
using System.Reflection;
using UnityEngine;
using Object = UnityEngine.Object;

namespace UnityEngine
{
    public sealed class GUIContent { public GUIContent(string text, string tooltip) { } }
    public sealed class GUIStyle { }
    public sealed class GUILayoutOption { }

    public static class GUI
    {
        public static void Label(Rect position, string text) { }
        public static void DrawTexture(Rect position, Texture image, ScaleMode scaleMode) { }
    }

    public static class GUILayout
    {
        public static bool Button(string text, params GUILayoutOption[] options) { return false; }
        public static bool Button(GUIContent content, params GUILayoutOption[] options) { return false; }
        public static GUILayoutOption ExpandWidth(bool expand) { return null; }
    }

    public static class GUILayoutUtility
    {
        public static Rect GetRect(float width, float height, params GUILayoutOption[] options) { return new Rect(); }
    }
}

namespace UnityEditor
{
    public enum MessageType { None, Info, Warning, Error }
    public enum PlayModeStateChange { EnteredEditMode, ExitingEditMode, EnteredPlayMode, ExitingPlayMode }

    public sealed class InitializeOnLoadAttribute : Attribute { }
    public sealed class InitializeOnLoadMethodAttribute : Attribute { }
    public sealed class CustomEditor : Attribute { public CustomEditor(Type inspectedType) { } }

    public sealed class MenuItem : Attribute
    {
        public MenuItem(string itemName) { }
        public MenuItem(string itemName, bool isValidateFunction) { }
    }

    public sealed class MenuCommand { public Object context; }

    [AttributeUsage(AttributeTargets.Class)]
    public sealed class FilePathAttribute : Attribute
    {
        public enum Location { PreferencesFolder, ProjectFolder }
        public FilePathAttribute(string relativePath, Location location) { }
    }

    public class ScriptableSingleton<T> : ScriptableObject where T : ScriptableObject
    {
        static T _instance;
        public static T instance { get { return _instance ?? (_instance = ScriptableObject.CreateInstance<T>()); } }
        protected virtual void Save(bool saveAsText) { }
    }

    public static class EditorApplication
    {
        public delegate void CallbackFunction();
        public static CallbackFunction update;
        public static event Action<PlayModeStateChange> playModeStateChanged;
        public static event Action quitting;

        /// <summary>Not Unity's.</summary>
        public static void ChangePlayMode(PlayModeStateChange change) { if (playModeStateChanged != null) playModeStateChanged(change); }
        public static void Quit() { if (quitting != null) quitting(); }
    }

    public static class AssemblyReloadEvents
    {
        public delegate void AssemblyReloadCallback();
        public static event AssemblyReloadCallback beforeAssemblyReload;

        /// <summary>Not Unity's.</summary>
        public static void Reload() { if (beforeAssemblyReload != null) beforeAssemblyReload(); }
    }

    /// <summary>Remembers the fields of what is recorded; a test goes back and forth.</summary>
    public static class Undo
    {
        public delegate void UndoRedoCallback();
        public static UndoRedoCallback undoRedoPerformed;

        sealed class Step
        {
            public Object Of;
            public Dictionary<FieldInfo, object> Fields;
        }

        static readonly Stack<Step> Past = new Stack<Step>(), Future = new Stack<Step>();

        public static void RecordObject(Object objectToUndo, string name)
        {
            Past.Push(Take(objectToUndo));
            Future.Clear();
        }

        public static void RecordObjects(Object[] objectsToUndo, string name) { foreach (Object each in objectsToUndo) RecordObject(each, name); }
        public static void IncrementCurrentGroup() { }
        public static void RegisterCreatedObjectUndo(Object objectToUndo, string name) { }
        public static void RegisterCompleteObjectUndo(Object objectToUndo, string name) { }
        public static T AddComponent<T>(GameObject gameObject) where T : Component { return gameObject.AddComponent<T>(); }
        public static void PerformUndo() { Go(Past, Future); }
        public static void PerformRedo() { Go(Future, Past); }

        static void Go(Stack<Step> from, Stack<Step> to)
        {
            Step step = from.Pop();
            to.Push(Take(step.Of));
            foreach (KeyValuePair<FieldInfo, object> each in step.Fields) each.Key.SetValue(step.Of, each.Value);
            if (undoRedoPerformed != null) undoRedoPerformed();
        }

        /// <summary>Serialised are public fields and those that say so.</summary>
        static Step Take(Object of)
        {
            var fields = new Dictionary<FieldInfo, object>();
            foreach (FieldInfo field in of.GetType().GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic))
            {
                if (field.IsPublic || field.IsDefined(typeof(SerializeField), false)) fields[field] = field.GetValue(of);
            }
            return new Step { Of = of, Fields = fields };
        }
    }

    public static class Selection
    {
        public static GameObject activeGameObject { get; set; }
        public static Object activeObject { get; set; }
    }

    public static class AssetDatabase
    {
        public static void CreateAsset(Object asset, string path) { }
        public static void AddObjectToAsset(Object objectToAdd, Object assetObject) { }
        public static void AddObjectToAsset(Object objectToAdd, string path) { }
        public static void SaveAssets() { }
    }

    public static class EditorUtility
    {
        public static string SaveFilePanel(string title, string directory, string defaultName, string extension) { return ""; }
        public static string SaveFilePanelInProject(string title, string defaultName, string extension, string message) { return ""; }
        public static void SetDirty(Object target) { }
    }

    public class EditorWindow : ScriptableObject
    {
        public static T GetWindow<T>(string title) where T : EditorWindow { return ScriptableObject.CreateInstance<T>(); }
        public void Repaint() { }
    }

    public sealed class SceneView : EditorWindow
    {
        public static SceneView lastActiveSceneView { get; set; }
        public Camera camera { get; set; }
        public static void RepaintAll() { }
    }

    public class Editor : ScriptableObject
    {
        public Object target { get; set; }
        public virtual void OnInspectorGUI() { }
        public bool DrawDefaultInspector() { return false; }
    }

    public static class EditorStyles { public static GUIStyle boldLabel { get { return null; } } }
    public static class EditorGUIUtility { public static float singleLineHeight { get { return 18; } } }

    public static class EditorGUI
    {
        public static void BeginChangeCheck() { }
        public static bool EndChangeCheck() { return false; }
        public static void ProgressBar(Rect position, float value, string text) { }

        public struct DisabledScope : IDisposable
        {
            public DisabledScope(bool disabled) { }
            public void Dispose() { }
        }
    }

    public static class EditorGUILayout
    {
        public static Vector2 BeginScrollView(Vector2 scrollPosition, params GUILayoutOption[] options) { return scrollPosition; }
        public static void EndScrollView() { }
        public static Rect BeginHorizontal(params GUILayoutOption[] options) { return new Rect(); }
        public static void EndHorizontal() { }
        public static void Space() { }
        public static void LabelField(string label, params GUILayoutOption[] options) { }
        public static void LabelField(string label, GUIStyle style, params GUILayoutOption[] options) { }
        public static void HelpBox(string message, MessageType type) { }
        public static string TextField(GUIContent label, string text, params GUILayoutOption[] options) { return text; }
        public static string PasswordField(GUIContent label, string password, params GUILayoutOption[] options) { return password; }
        public static int IntField(string label, int value, params GUILayoutOption[] options) { return value; }
        public static int IntSlider(int value, int leftValue, int rightValue, params GUILayoutOption[] options) { return value; }
        public static int IntSlider(string label, int value, int leftValue, int rightValue, params GUILayoutOption[] options) { return value; }
        public static bool ToggleLeft(string label, bool value, params GUILayoutOption[] options) { return value; }
        public static Color ColorField(Color value, params GUILayoutOption[] options) { return value; }
    }

    public static class Handles
    {
        public struct DrawingScope : IDisposable
        {
            public DrawingScope(Color color, Matrix4x4 matrix) { }
            public void Dispose() { }
        }
    }
}

namespace UnityEditor.IMGUI.Controls
{
    public abstract class PrimitiveBoundsHandle
    {
        public Vector3 center { get; set; }
        public void DrawHandle() { }
    }

    public class BoxBoundsHandle : PrimitiveBoundsHandle { public Vector3 size { get; set; } }
    public class SphereBoundsHandle : PrimitiveBoundsHandle { public float radius { get; set; } }
}
