using UnityEditor;
using UnityEngine;
using Wire = Spatia.Bridge.Protocol;

namespace Spatia.Bridge.Editor
{
    /// <summary>Shows the frames of takes as they come, and any of them again.</summary>
    sealed class ClipScrubber
    {
        const float PictureHeight = 140;

        readonly ClipFrames _frames = new ClipFrames();
        Texture2D _texture;
        uint _take;
        int _number;
        bool _follow = true;
        Wire.Image _preview;
        uint _previewed;

        public void Add(Wire.TakeFrame frame)
        {
            _frames.Add(frame);
            if (frame.Take != _take) Show(frame.Take);
            else if (_follow) Seek((int)frame.Number);
        }

        /// <summary>Shows a take from its first frame, or the one being made as it comes.</summary>
        public void Show(uint take)
        {
            _take = take;
            _follow = true;
            Seek(0);
        }

        /// <summary>What a take of which no frame came yet looks like so far; null = that is over.</summary>
        public void Preview(uint take, Wire.Image image)
        {
            if (image == null && take != _previewed) return;
            bool begins = take != _previewed;
            _previewed = take;
            _preview = _frames.Count(take) == 0 ? image : null;
            if (begins && _preview != null) Show(take);
            else if (take == _take && _preview != null) Seek(0);
        }

        public int Count(uint take) { return _frames.Count(take); }

        public void OnGUI()
        {
            bool here = _frames.Count(_take) > 0;
            if (here || Previewed) PictureGUI();
            if (!here)
            {
                EditorGUILayout.LabelField(Previewed ? "take " + _take + " so far" : "no frames yet");
                return;
            }
            int wanted = EditorGUILayout.IntSlider(_number, 0, _frames.Last(_take));
            if (wanted != _number)
            {
                _follow = false;
                Seek(wanted);
            }
            EditorGUILayout.LabelField("take " + _take + ", frame " + (_number + 1) + " of " + _frames.Count(_take));
        }

        bool Previewed { get { return _preview != null && _previewed == _take && _frames.Count(_take) == 0; } }

        void PictureGUI()
        {
            Rect place = GUILayoutUtility.GetRect(0, PictureHeight, GUILayout.ExpandWidth(true));
            if (_texture != null) GUI.DrawTexture(place, _texture, ScaleMode.ScaleToFit);
        }

        public void Free()
        {
            if (_texture != null) Object.DestroyImmediate(_texture);
            _texture = null;
        }

        void Seek(int number)
        {
            _number = number;
            SpatiaWire.ToTexture(_frames.Get(_take, (uint)number) ?? (Previewed ? _preview : null), ref _texture);
        }
    }
}
