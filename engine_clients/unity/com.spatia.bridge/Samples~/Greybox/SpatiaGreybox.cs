using System.Collections.Generic;
using System.Threading.Tasks;
using Spatia.Bridge;
using UnityEngine;
using Wire = Spatia.Bridge.Protocol;

/// <summary>Put this on a camera in an empty scene and press play: it builds a small greybox with a memory, and does by keys what
/// there is to do. F seeds memory with what the camera sees, G sweeps the room, H hides the greybox so that only memory is left,
/// R records the camera's path and generates along it when pressed again, Y accepts the take, N discards it, X removes what is in
/// front of the camera, Z undoes. W A S D fly, the right mouse button turns.</summary>
[RequireComponent(typeof(Camera))]
public sealed class SpatiaGreybox : MonoBehaviour
{
    const int SeedWidth = 640, SeedHeight = 360;

    public string url = "ws://127.0.0.1:50052";
    public string session = "greybox";
    public float metresPerSec = 2.5f;

    readonly HashSet<KeyCode> _held = new HashSet<KeyCode>();
    Camera _camera;
    SpatiaBridge _bridge;
    GameObject _room;
    string _note = "";
    uint _take;
    Vector2 _turn;

    void Start()
    {
        _camera = GetComponent<Camera>();
        BuildRoom();
        var memory = new GameObject("Memory").AddComponent<SpatiaMemory>();
        _bridge = new GameObject("Bridge").AddComponent<SpatiaBridge>();
        _bridge.connectOnStart = false;
        _bridge.url = url;
        _bridge.session = session;
        _bridge.Memory = memory;
        _bridge.Connected += welcome => _note = "connected";
        _bridge.Reconnecting += (secs, attempt) => _note = "no server; again in " + secs.ToString("0.0") + " s";
        _bridge.Refused += error => _note = error.Message + "; " + error.Remedy;
        _bridge.TakeChanged += TakeChanged;
        var display = gameObject.AddComponent<SpatiaFrameDisplay>();
        display.bridge = _bridge;
        gameObject.AddComponent<SpatiaCameraRig>().bridge = _bridge;
        _bridge.ConnectToServer();
    }

    /// <summary>Three walls, a floor, and a cube of a metre.</summary>
    void BuildRoom()
    {
        _room = new GameObject("Greybox");
        Block(new Vector3(0, -0.05f, 3), new Vector3(6, 0.1f, 6), Color.grey);
        Block(new Vector3(0, 1.5f, 6), new Vector3(6, 3, 0.1f), new Color(0.7f, 0.3f, 0.2f));
        Block(new Vector3(-3, 1.5f, 3), new Vector3(0.1f, 3, 6), new Color(0.3f, 0.6f, 0.3f));
        Block(new Vector3(3, 1.5f, 3), new Vector3(0.1f, 3, 6), new Color(0.3f, 0.35f, 0.7f));
        Block(new Vector3(1, 0.5f, 3.5f), Vector3.one, new Color(0.9f, 0.7f, 0.2f));
        transform.position = new Vector3(0, 1.5f, 0);
    }

    void Block(Vector3 centre, Vector3 size, Color colour)
    {
        GameObject block = GameObject.CreatePrimitive(PrimitiveType.Cube);
        block.transform.SetParent(_room.transform, false);
        block.transform.localPosition = centre;
        block.transform.localScale = size;
        block.GetComponent<Renderer>().material.color = colour;
    }

    void Update()
    {
        float step = metresPerSec * Time.deltaTime;
        var way = new Vector3(Axis(KeyCode.D, KeyCode.A), Axis(KeyCode.E, KeyCode.Q), Axis(KeyCode.W, KeyCode.S));
        transform.position += transform.rotation * way * step;
    }

    int Axis(KeyCode more, KeyCode less) { return (_held.Contains(more) ? 1 : 0) - (_held.Contains(less) ? 1 : 0); }

    /// <summary>Keys come as events here, which works with either input system.</summary>
    void OnGUI()
    {
        string state = "revision " + _bridge.Revision.Number + ", " + _bridge.Mirror.Points + " points";
        GUI.Label(new Rect(8, 8, 600, 60), _bridge.url + "\n" + state + "\n" + _note);
        Event happened = Event.current;
        if (happened.type == EventType.KeyDown && _held.Add(happened.keyCode)) Press(happened.keyCode);
        if (happened.type == EventType.KeyUp) _held.Remove(happened.keyCode);
        if (happened.type != EventType.MouseDrag || happened.button != 1) return;
        _turn = new Vector2(_turn.x + 0.2f * happened.delta.x, Mathf.Clamp(_turn.y + 0.2f * happened.delta.y, -85, 85));
        transform.rotation = Quaternion.Euler(_turn.y, _turn.x, 0);
    }

    void Press(KeyCode key)
    {
        switch (key)
        {
            case KeyCode.F: Tell("seeding", _bridge.SeedViews(SpatiaCapture.View(_bridge, _camera, SeedWidth, SeedHeight))); break;
            case KeyCode.G: Sweep(); break;
            case KeyCode.H: _room.SetActive(!_room.activeSelf); break;
            case KeyCode.R: RecordOrGenerate(); break;
            case KeyCode.Y: Tell("accepting", _bridge.AcceptTake(_take)); break;
            case KeyCode.N: Tell("discarding", _bridge.DiscardTake(_take)); break;
            case KeyCode.X: Tell("removing", _bridge.RemoveRegion(Ahead())); break;
            case KeyCode.Z: Tell("undoing", _bridge.Undo()); break;
        }
    }

    void Sweep()
    {
        List<Pose> placements = SpatiaCapture.Sweep(new[] { transform.position });
        Tell("sweeping", _bridge.SeedViews(SpatiaCapture.Views(_bridge, _camera, placements, SeedWidth, SeedHeight)));
    }

    Wire.Region Ahead()
    {
        var centre = new Pose(transform.position + 2 * transform.forward, Quaternion.identity);
        return SpatiaWire.Sphere(_bridge.Memory.MemoryFrom(centre).position, 0.75f);
    }

    void RecordOrGenerate()
    {
        if (!_bridge.Recording.On)
        {
            Tell("recording: fly, then R again", _bridge.Record(true));
            return;
        }
        _bridge.Record(false);
        Tell("generating", _bridge.Generate(new Wire.Generate { Clips = 1, Width = 320, Height = 180 }));
    }

    void TakeChanged(Wire.Take take)
    {
        if (take.State != Wire.TakeState.Pending) return;
        _take = take.Number;
        _note = "take " + _take + " is done: Y accepts, N discards";
    }

    async void Tell(string what, Task<Reply> asked)
    {
        _note = what + "…";
        Reply reply = await asked;
        _note = reply.Ok ? what + ": done" : what + ": " + reply.Error.Message + "; " + reply.Error.Remedy;
    }
}
