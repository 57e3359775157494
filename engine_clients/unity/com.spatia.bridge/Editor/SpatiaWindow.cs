using System;
using System.Collections.Generic;
using System.IO;
using System.Threading.Tasks;
using UnityEditor;
using UnityEngine;
using Wire = Spatia.Bridge.Protocol;

namespace Spatia.Bridge.Editor
{
    /// <summary>The Spatia window: connect, seed from the scene view, generate along its recorded camera, keep or discard takes,
    /// undo.</summary>
    public sealed class SpatiaWindow : EditorWindow
    {
        const int SeedWidth = 640, SeedHeight = 360;
        const float RegionAhead = 3;

        readonly ClipScrubber _scrubber = new ClipScrubber();
        SpatiaBridge _heard;
        Wire.Progress _progress;
        string _note = "";
        Vector2 _scroll;

        static SpatiaSettings Settings { get { return SpatiaSettings.instance; } }
        bool Online { get { return _heard != null && _heard.IsConnectedToServer; } }

        [MenuItem("Window/Spatia")]
        static void Open() { GetWindow<SpatiaWindow>("Spatia"); }

        void OnEnable() { MemoryEdits.Instance.Said += Say; }

        void OnDisable()
        {
            MemoryEdits.Instance.Said -= Say;
            Hear(null);
            _scrubber.Free();
        }

        void OnInspectorUpdate() { Repaint(); }  // ten times a second

        void OnGUI()
        {
            if (_heard != EditorLink.Bridge) Hear(EditorLink.Bridge);
            _scroll = EditorGUILayout.BeginScrollView(_scroll);
            EditorGUI.BeginChangeCheck();
            ServerGUI();
            MemoryGUI();
            GenerateGUI();
            if (EditorGUI.EndChangeCheck()) Settings.Keep();
            TakesGUI();
            if (_note.Length > 0) EditorGUILayout.HelpBox(_note, MessageType.None);
            EditorGUILayout.EndScrollView();
        }

        // ----------------------------------------------------------------------------------------------------------- server

        void ServerGUI()
        {
            Section("Server");
            Settings.url = Text("Address", "ws://host:port of spatia-bridge serve", Settings.url);
            Settings.session = Text("Session", "Which scene on the server; made if there is none", Settings.session);
            Settings.token = EditorGUILayout.PasswordField(new GUIContent("Token", "If the server wants one"), Settings.token);
            EditorGUILayout.BeginHorizontal();
            if (GUILayout.Button(Online ? "Disconnect" : "Connect")) ToggleConnection();
            if (Button("Add to scene", "Puts a SpatiaBridge and a SpatiaMemory into the scene", _heard == null)) AddToScene();
            EditorGUILayout.EndHorizontal();
            EditorGUILayout.LabelField(Status());
        }

        string Status()
        {
            if (!Online) return "not connected";
            Wire.Revision revision = _heard.Revision;
            return "revision " + revision.Number + ", " + revision.Points + " points, " + revision.Locks + " locks";
        }

        void ToggleConnection()
        {
            if (_heard == null)
            {
                Say("there is no SpatiaBridge in this scene: Add to scene");
            }
            else if (_heard.Link.State != SessionState.Idle)
            {
                _heard.DisconnectFromServer();
            }
            else
            {
                _heard.url = Settings.url;
                _heard.session = Settings.session;
                _heard.token = Settings.token;
                Say("connecting…");
                _heard.ConnectToServer();
            }
        }

        void AddToScene()
        {
            var memory = new GameObject("Spatia Memory").AddComponent<SpatiaMemory>();
            var bridge = new GameObject("Spatia Bridge").AddComponent<SpatiaBridge>();
            bridge.url = Settings.url;
            bridge.session = Settings.session;
            bridge.Memory = memory;
            Undo.RegisterCreatedObjectUndo(memory.gameObject, "Add Spatia to the scene");
            Undo.RegisterCreatedObjectUndo(bridge.gameObject, "Add Spatia to the scene");
        }

        void Hear(SpatiaBridge bridge)
        {
            if (!ReferenceEquals(_heard, null))
            {
                _heard.Connected -= OnConnected;
                _heard.Disconnected -= Say;
                _heard.Reconnecting -= OnReconnecting;
                _heard.Refused -= OnError;
                _heard.ErrorReported -= OnError;
                _heard.Progressed -= OnProgress;
                _heard.FrameReceived -= _scrubber.Add;
            }
            _heard = bridge;
            if (bridge == null) return;
            bridge.Connected += OnConnected;
            bridge.Disconnected += Say;
            bridge.Reconnecting += OnReconnecting;
            bridge.Refused += OnError;
            bridge.ErrorReported += OnError;
            bridge.Progressed += OnProgress;
            bridge.FrameReceived += _scrubber.Add;
        }

        void OnConnected(Wire.Welcome welcome) { Say(welcome.Resumed ? "connected; only what changed is coming" : "connected"); }

        void OnReconnecting(double secs, int attempt)
        {
            Say("no connection; attempt " + (attempt + 1) + " in " + secs.ToString("0.0") + " s");
        }

        void OnError(Wire.Error error) { Say(error.Message + "; " + error.Remedy); }

        void OnProgress(Wire.Progress progress)
        {
            _progress = progress;
            _scrubber.Preview(progress.Take, progress.Preview);
        }

        // ----------------------------------------------------------------------------------------------------------- memory

        void MemoryGUI()
        {
            Section("Memory");
            EditorGUILayout.BeginHorizontal();
            if (Button("Seed view", "What the scene view's camera sees becomes memory, with its depth", Online)) Seed(false);
            if (Button("Seed all round", "The same for a full turn of the scene view's camera", Online)) Seed(true);
            EditorGUILayout.EndHorizontal();
            EditorGUILayout.BeginHorizontal();
            bool canUndo = Online && _heard.Revision.CanUndo, canRedo = Online && _heard.Revision.CanRedo;
            if (Button("Undo", "Takes back the newest change of memory", canUndo)) Ask("Undo", _heard.Undo());
            if (Button("Redo", "", canRedo)) Ask("Redo", _heard.Redo());
            EditorGUILayout.EndHorizontal();
            EditorGUILayout.BeginHorizontal();
            if (Button("Add region", "A box to remove, lock or recolour memory in", true)) AddRegion();
            if (Button("Bake mesh…", "Writes memory as a mesh asset that needs no server", true)) BakeMesh();
            if (Button("Bake PLY…", "Writes memory as a point file", true)) BakePly();
            EditorGUILayout.EndHorizontal();
        }

        void Seed(bool allRound)
        {
            Camera camera = EditorLink.SceneCamera;
            if (camera == null || camera.orthographic)
            {
                Say("a scene view in perspective is needed");
                return;
            }
            List<Pose> turn = SpatiaCapture.Sweep(new[] { camera.transform.position });
            List<Wire.View> views = allRound
                ? SpatiaCapture.Views(_heard, camera, turn, SeedWidth, SeedHeight)
                : SpatiaCapture.View(_heard, camera, SeedWidth, SeedHeight);
            Ask("Seed", _heard.SeedViews(views));
        }

        void AddRegion()
        {
            var region = new GameObject("Spatia Region").AddComponent<SpatiaRegion>();
            Camera camera = EditorLink.SceneCamera;
            if (camera != null) region.transform.position = camera.transform.position + RegionAhead * camera.transform.forward;
            Undo.RegisterCreatedObjectUndo(region.gameObject, "Add region");
            Selection.activeGameObject = region.gameObject;
        }

        void BakeMesh()
        {
            string path = HasMemory() ? EditorUtility.SaveFilePanelInProject("Bake memory", "Memory", "asset", "Where to?") : "";
            if (path.Length == 0) return;
            Mesh mesh = SpatiaBake.ToMesh(_heard.Mirror);
            AssetDatabase.CreateAsset(mesh, path);
            Material material = SpatiaBake.ToMaterial();
            material.name = "Spatia memory";
            AssetDatabase.AddObjectToAsset(material, path);
            AssetDatabase.SaveAssets();
            Say("baked " + _heard.Mirror.Points + " points to " + path);
        }

        void BakePly()
        {
            string path = HasMemory() ? EditorUtility.SaveFilePanel("Bake memory", "", "memory", "ply") : "";
            if (path.Length == 0) return;
            using (var stream = new BufferedStream(File.Create(path))) SpatiaBake.WritePly(_heard.Mirror, stream);
            Say("baked " + _heard.Mirror.Points + " points to " + path);
        }

        bool HasMemory()
        {
            if (_heard != null && _heard.Mirror.Points > 0) return true;
            Say("there is no memory to bake");
            return false;
        }

        // ------------------------------------------------------------------------------------------------------- generation

        void GenerateGUI()
        {
            Section("Generate");
            Settings.prompt = Text("Prompt", "What to show, for generators that read it", Settings.prompt);
            Settings.clips = EditorGUILayout.IntSlider("Clips", Settings.clips, 1, 100);
            Settings.width = EditorGUILayout.IntField("Width", Settings.width);
            Settings.height = EditorGUILayout.IntField("Height", Settings.height);
            Settings.autoAccept = EditorGUILayout.ToggleLeft("Keep every take without asking", Settings.autoAccept);
            Settings.streamCamera =
                EditorGUILayout.ToggleLeft("The server follows the scene view's camera", Settings.streamCamera);
            EditorGUILayout.BeginHorizontal();
            bool recording = Online && _heard.Recording.On;
            const string hint = "Records the scene view's camera on the server; again to stop";
            if (Button(recording ? "Stop recording" : "Record", hint, Online)) Record(!recording);
            if (Button("Generate", "Along the recorded path", Online)) Generate();
            if (Button("Cancel", "Stops all jobs", Online)) Ask("Cancel", _heard.Cancel());
            EditorGUILayout.EndHorizontal();
            if (_progress != null) ProgressGUI(_progress);
        }

        void ProgressGUI(Wire.Progress progress)
        {
            string left = progress.RemainingSecs > 0 ? ", about " + Math.Ceiling(progress.RemainingSecs) + " s left" : "";
            string stage = progress.Stage.ToString().ToLowerInvariant();
            string text = stage + ", clip " + progress.Clip + " of " + progress.Clips + left;
            Rect place = GUILayoutUtility.GetRect(0, EditorGUIUtility.singleLineHeight, GUILayout.ExpandWidth(true));
            EditorGUI.ProgressBar(place, (float)progress.Done / Math.Max(progress.Total, 1), text);
            Wire.Take take;
            if (_heard == null || !_heard.Takes.TryGetValue(progress.Take, out take)) return;
            if (take.Remark.Length > 0) EditorGUILayout.HelpBox(take.Remark, MessageType.Info);
        }

        void Record(bool on)
        {
            Settings.streamCamera = true;
            EditorLink.ResendPose();
            Ask(on ? "Record" : "Recorded", _heard.Record(on));
        }

        void Generate()
        {
            Ask("Generate", _heard.Generate(new Wire.Generate
            {
                Prompt = Settings.prompt, Clips = (uint)Settings.clips, AutoAccept = Settings.autoAccept,
                Width = (uint)Math.Max(Settings.width, 0), Height = (uint)Math.Max(Settings.height, 0),
            }));
        }

        // ------------------------------------------------------------------------------------------------------------ takes

        void TakesGUI()
        {
            Section("Takes");
            if (_heard != null)
            {
                foreach (Wire.Take take in new List<Wire.Take>(_heard.Takes.Values))
                {
                    if (take.State == Wire.TakeState.Pending) TakeGUI(take);
                }
            }
            _scrubber.OnGUI();
        }

        void TakeGUI(Wire.Take take)
        {
            EditorGUILayout.BeginHorizontal();
            uint number = take.Number;
            EditorGUILayout.LabelField("Take " + number);
            if (Button("Show", "", Online)) Show(take);
            if (Button("Keep", "Folds it into memory", Online)) Ask("Keep take " + number, _heard.AcceptTake(number));
            if (Button("Discard", "Memory stays as it is", Online)) Ask("Discard take " + number, _heard.DiscardTake(number));
            EditorGUILayout.EndHorizontal();
        }

        void Show(Wire.Take take)
        {
            if (_scrubber.Count(take.Number) < take.FramesTotal) _heard.FetchFrames(take.Number);
            _scrubber.Show(take.Number);
        }

        // ----------------------------------------------------------------------------------------------------------- inside

        async void Ask(string what, Task<Reply> asked)
        {
            Say(what + "…");
            Reply reply = await asked;
            Say(reply.Ok ? what + ": done" : what + ": " + reply.Error.Message + "; " + reply.Error.Remedy);
        }

        void Say(string note)
        {
            _note = note;
            Repaint();
        }

        static void Section(string title)
        {
            EditorGUILayout.Space();
            EditorGUILayout.LabelField(title, EditorStyles.boldLabel);
        }

        static string Text(string title, string hint, string text) { return EditorGUILayout.TextField(new GUIContent(title, hint), text); }

        static bool Button(string title, string hint, bool enabled)
        {
            using (new EditorGUI.DisabledScope(!enabled)) return GUILayout.Button(new GUIContent(title, hint));
        }
    }
}
