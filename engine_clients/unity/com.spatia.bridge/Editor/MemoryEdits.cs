using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using UnityEditor;
using UnityEngine;
using Wire = Spatia.Bridge.Protocol;

namespace Spatia.Bridge.Editor
{
    /// <summary>Edits of memory as steps of the editor's undo. What that moves is a number in this object; the edits follow it.
    /// The server's own undo takes back the newest change, whoever made it, so one is only taken back while it is still the
    /// newest.</summary>
    public sealed class MemoryEdits : ScriptableObject
    {
        sealed class Made
        {
            public SpatiaBridge Bridge;
            public Wire.Edit Edit;
            public string Name;
            public ulong Revision;  // 0: not done
        }

        static MemoryEdits _instance;

        [SerializeField] int _done;  // edits that shall be in effect
        readonly List<Made> _edits = new List<Made>();
        int _first;  // what _done was before the first of them: scripts may have been reloaded since the editor's undo began
        int _applied;

        /// <summary>For whoever shows notes to the designer.</summary>
        public event Action<string> Said = delegate { };

        public static MemoryEdits Instance
        {
            get
            {
                if (_instance == null) _instance = CreateInstance<MemoryEdits>();
                return _instance;
            }
        }

        /// <summary>Makes an edit; one step of undo.</summary>
        public void Do(SpatiaBridge bridge, Wire.Edit edit, string name)
        {
            _edits.RemoveRange(_applied, _edits.Count - _applied);  // what was taken back has no future now
            _edits.Add(new Made { Bridge = bridge, Edit = edit, Name = name });
            Undo.IncrementCurrentGroup();
            Undo.RecordObject(this, name);
            _done = _first + _edits.Count;
            Follow();
        }

        void OnEnable()
        {
            hideFlags = HideFlags.HideAndDontSave;
            _first = _done;
            Undo.undoRedoPerformed += Follow;
        }

        void OnDisable() { Undo.undoRedoPerformed -= Follow; }

        void Follow()
        {
            int wanted = Mathf.Clamp(_done - _first, 0, _edits.Count);
            while (_applied < wanted) Run(Apply(_edits[_applied++]));
            while (_applied > wanted) Run(Revert(_edits[--_applied]));
        }

        async void Run(Task<string> note) { Said(await note); }

        static async Task<string> Apply(Made made)
        {
            if (made.Bridge == null) return made.Name + ": the bridge is gone";
            Reply reply = await made.Bridge.Request(new Wire.ClientMessage { Edit = made.Edit });
            if (!reply.Ok) return made.Name + ": " + reply.Error.Message + "; " + reply.Error.Remedy;
            made.Revision = reply.Done.Revision;
            return made.Name + ": revision " + made.Revision;
        }

        static async Task<string> Revert(Made made)
        {
            ulong revision = made.Revision;
            made.Revision = 0;
            if (made.Bridge == null || revision == 0) return made.Name + " was not done";
            if (made.Bridge.Revision.Number != revision)
            {
                return "memory has changed since; the window's Undo takes back the newest change";
            }
            Reply reply = await made.Bridge.Undo();
            return reply.Ok ? made.Name + ": taken back" : reply.Error.Message + "; " + reply.Error.Remedy;
        }
    }
}
