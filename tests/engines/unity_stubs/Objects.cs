// Objects, components and a scene of sorts: enough to run the package's components by hand. Unity's messages (OnEnable, Update …) come
// when a test sends them.
using System;
using System.Collections.Generic;

namespace UnityEngine
{
    [Flags]
    public enum HideFlags { None = 0, HideAndDontSave = 61 }
    public enum CameraType { Game = 1, SceneView = 2, Preview = 4 }
    public enum CameraClearFlags { Skybox = 1, SolidColor = 2 }
    public enum RenderingPath { UsePlayerSettings = -1, Forward = 1 }
    public enum PrimitiveType { Sphere = 0, Cube = 3 }
    public enum KeyCode { None = 0, A = 97, D = 100, E = 101, F, G, H, N = 110, Q = 113, R, S, W = 119, X, Y, Z }
    public enum EventType { MouseDrag = 3, KeyDown = 4, KeyUp = 5 }
    public enum RuntimeInitializeLoadType { BeforeSceneLoad = 1 }

    public sealed class SerializeField : Attribute { }
    public sealed class ExecuteAlways : Attribute { }
    public sealed class AddComponentMenu : Attribute { public AddComponentMenu(string menuName) { } }
    public sealed class TooltipAttribute : Attribute { public TooltipAttribute(string tooltip) { } }
    public sealed class RequireComponent : Attribute { public RequireComponent(Type requiredComponent) { } }
    public sealed class RangeAttribute : Attribute { public RangeAttribute(float min, float max) { } }
    public sealed class MinAttribute : Attribute { public MinAttribute(float min) { } }

    public sealed class RuntimeInitializeOnLoadMethodAttribute : Attribute
    {
        public RuntimeInitializeOnLoadMethodAttribute(RuntimeInitializeLoadType loadType) { }
    }

    public class Object
    {
        static readonly List<Object> All = new List<Object>();
        bool _destroyed;

        public Object() { All.Add(this); }
        public string name { get; set; }
        public HideFlags hideFlags { get; set; }
        public static void DestroyImmediate(Object obj)
        {
            All.Remove(obj);
            obj._destroyed = true;
        }

        public static T FindObjectOfType<T>() where T : Object { return FindObjectsOfType<T>().Length > 0 ? FindObjectsOfType<T>()[0] : null; }

        public static T[] FindObjectsOfType<T>() where T : Object
        {
            return Array.ConvertAll(All.FindAll(each => each is T).ToArray(), each => (T)each);
        }

        static bool Gone(Object a) { return ReferenceEquals(a, null) || a._destroyed; }
        public static bool operator ==(Object a, Object b) { return Gone(a) ? Gone(b) : ReferenceEquals(a, b); }
        public static bool operator !=(Object a, Object b) { return !(a == b); }
        public override bool Equals(object other) { return ReferenceEquals(this, other); }
        public override int GetHashCode() { return base.GetHashCode(); }
    }

    public class ScriptableObject : Object
    {
        public static T CreateInstance<T>() where T : ScriptableObject
        {
            var made = (T)Activator.CreateInstance(typeof(T));
            Messages.Send(made, "OnEnable");
            return made;
        }
    }

    /// <summary>Not Unity's: how a test sends a message.</summary>
    public static class Messages
    {
        public static void Send(object to, string name)
        {
            const System.Reflection.BindingFlags own = System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.NonPublic;
            System.Reflection.MethodInfo method = to.GetType().GetMethod(name, own, null, Type.EmptyTypes, null);
            if (method != null) method.Invoke(to, null);
        }
    }

    public sealed class GameObject : Object
    {
        readonly List<Component> _components = new List<Component>();

        public GameObject() : this("") { }

        public GameObject(string name)
        {
            this.name = name;
            transform = new Transform();
            Join(transform);
        }

        public Transform transform { get; private set; }
        public int layer { get; set; }
        public bool activeSelf { get; private set; } = true;
        public void SetActive(bool value) { activeSelf = value; }
        public static GameObject CreatePrimitive(PrimitiveType type) { return new GameObject(type.ToString()); }

        public T AddComponent<T>() where T : Component
        {
            var made = (T)Activator.CreateInstance(typeof(T));
            Join(made);
            Messages.Send(made, "OnEnable");
            return made;
        }

        public T GetComponent<T>() { return (T)(object)_components.Find(each => each is T); }

        void Join(Component component)
        {
            component.gameObject = this;
            _components.Add(component);
        }
    }

    public class Component : Object
    {
        public GameObject gameObject { get; internal set; }
        public Transform transform { get { return gameObject.transform; } }
        public T GetComponent<T>() { return gameObject.GetComponent<T>(); }
    }

    public class Behaviour : Component
    {
        public bool enabled { get; set; } = true;
        public bool isActiveAndEnabled { get { return enabled && gameObject != null; } }
    }

    public class MonoBehaviour : Behaviour { }

    /// <summary>Without parents: local is world.</summary>
    public sealed class Transform : Component
    {
        public Vector3 position { get; set; }
        public Quaternion rotation { get; set; } = Quaternion.identity;
        public Vector3 localScale { get; set; } = Vector3.one;
        public Vector3 localPosition { get { return position; } set { position = value; } }
        public Quaternion localRotation { get { return rotation; } set { rotation = value; } }
        public Vector3 lossyScale { get { return localScale; } }
        public Vector3 forward { get { return rotation * Vector3.forward; } }
        public Matrix4x4 localToWorldMatrix { get { return Matrix4x4.TRS(position, rotation, localScale); } }
        public Vector3 TransformPoint(Vector3 p) { return position + rotation * Vector3.Scale(localScale, p); }

        public Vector3 InverseTransformPoint(Vector3 p)
        {
            Vector3 turned = Quaternion.Inverse(rotation) * (p - position);
            return new Vector3(turned.x / localScale.x, turned.y / localScale.y, turned.z / localScale.z);
        }

        public void SetParent(Transform parent, bool worldPositionStays) { }

        public void SetPositionAndRotation(Vector3 position, Quaternion rotation)
        {
            this.position = position;
            this.rotation = rotation;
        }
    }

    public static class Application { public static bool isPlaying { get; set; } = true; }

    public static class Time
    {
        public static double realtimeSinceStartupAsDouble { get; set; }
        public static float deltaTime { get; set; }
        public static float unscaledDeltaTime { get; set; }
    }

    public static class Debug { public static void LogWarning(object message) { Console.Error.WriteLine(message); } }

    public static class Resources
    {
        /// <summary>Not Unity's: what was asked for.</summary>
        public static readonly List<string> Asked = new List<string>();

        public static T Load<T>(string path) where T : Object
        {
            Asked.Add(path);
            return (T)Activator.CreateInstance(typeof(T));
        }
    }

    public sealed class Event
    {
        public static Event current { get; set; }
        public EventType type { get; set; }
        public KeyCode keyCode { get; set; }
        public int button { get; set; }
        public Vector2 delta { get; set; }
    }

    public static class Gizmos
    {
        public static Matrix4x4 matrix { get; set; }
        public static Color color { get; set; }
        public static void DrawWireCube(Vector3 center, Vector3 size) { }
        public static void DrawWireSphere(Vector3 center, float radius) { }
    }

    /// <summary>Projects as the manual says: field of view, or the film gate fitted to the resolution gate.</summary>
    public sealed class Camera : Behaviour
    {
        public enum GateFitMode { None = 0, Vertical = 1, Horizontal = 2, Fill = 3, Overscan = 4 }

        public delegate void CameraCallback(Camera camera);
        public static CameraCallback onPreCull;
        public static Camera main { get; set; }

        Matrix4x4? _projection;
        float? _aspect;

        public float fieldOfView { get; set; } = 60;
        public bool orthographic { get; set; }
        public float nearClipPlane { get; set; } = 0.3f;
        public float farClipPlane { get; set; } = 1000;
        public int pixelWidth { get; set; } = 640;
        public int pixelHeight { get; set; } = 480;
        public bool usePhysicalProperties { get; set; }
        public float focalLength { get; set; } = 50;
        public Vector2 sensorSize { get; set; } = new Vector2(36, 24);
        public Vector2 lensShift { get; set; }
        public GateFitMode gateFit { get; set; } = GateFitMode.Horizontal;
        public int cullingMask { get; set; } = -1;
        public CameraType cameraType { get; set; } = CameraType.Game;
        public CameraClearFlags clearFlags { get; set; }
        public RenderingPath renderingPath { get; set; }
        public bool allowMSAA { get; set; }
        public Rect rect { get; set; }
        public RenderTexture targetTexture { get; set; }
        public Matrix4x4 worldToCameraMatrix { get { return Matrix4x4.identity; } }
        public float aspect { get { return _aspect ?? (float)pixelWidth / pixelHeight; } set { _aspect = value; } }

        public Matrix4x4 projectionMatrix
        {
            get { return _projection ?? (usePhysicalProperties ? Physical() : Perspective()); }
            set { _projection = value; }
        }

        public void CopyFrom(Camera other)
        {
            cullingMask = other.cullingMask;
            nearClipPlane = other.nearClipPlane;
            farClipPlane = other.farClipPlane;
        }

        /// <summary>Not Unity's: whoever renders.</summary>
        public static Action<Camera> Renders = camera => { };

        public void Render() { Renders(this); }

        Matrix4x4 Perspective()
        {
            var top = (float)(nearClipPlane * Math.Tan(fieldOfView * Math.PI / 360));
            return Matrix4x4.Frustum(-top * aspect, top * aspect, -top, top, nearClipPlane, farClipPlane);
        }

        Matrix4x4 Physical()
        {
            Vector2 gate = ResolutionGate();
            float toNear = nearClipPlane / focalLength, x = lensShift.x * sensorSize.x, y = lensShift.y * sensorSize.y;
            return Matrix4x4.Frustum((x - gate.x / 2) * toNear, (x + gate.x / 2) * toNear, (y - gate.y / 2) * toNear,
                                     (y + gate.y / 2) * toNear, nearClipPlane, farClipPlane);
        }

        /// <summary>In millimetres: of the image's aspect, as wide or as high as the sensor; fill: within it; overscan: around
        /// it.</summary>
        Vector2 ResolutionGate()
        {
            Vector2 wide = new Vector2(sensorSize.x, sensorSize.x / aspect), high = new Vector2(sensorSize.y * aspect, sensorSize.y);
            switch (gateFit)
            {
                case GateFitMode.Horizontal: return wide;
                case GateFitMode.Vertical: return high;
                case GateFitMode.Fill: return wide.y <= sensorSize.y ? wide : high;
                case GateFitMode.Overscan: return wide.y >= sensorSize.y ? wide : high;
                default: return sensorSize;
            }
        }
    }
}

namespace UnityEngine.Events
{
    public class UnityEvent { public void Invoke() { } }

    public class UnityEvent<T>
    {
        event Action<T> Called = delegate { };
        public void AddListener(Action<T> call) { Called += call; }
        public void Invoke(T value) { Called(value); }
    }
}
