using UnityEditor;
using UnityEngine;

namespace Spatia.Bridge.Editor
{
    /// <summary>What the window remembers from one run of the editor to the next: in the project's UserSettings, which is not
    /// committed, since there may be a token among it.</summary>
    [FilePath("UserSettings/SpatiaBridge.asset", FilePathAttribute.Location.ProjectFolder)]
    public sealed class SpatiaSettings : ScriptableSingleton<SpatiaSettings>
    {
        public string url = "ws://127.0.0.1:50052";
        public string session = "my-level";
        public string token = "";
        public string prompt = "";
        public int clips = 1;
        public int width = 320;
        public int height = 180;
        public bool autoAccept;
        public bool streamCamera = true;
        public Color recolour = new Color(0.8f, 0.2f, 0.2f);

        public void Keep() { Save(true); }
    }
}
