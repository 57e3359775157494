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

        public int Count(uint take) { return _frames.Count(take); }

        public void OnGUI()
        {
            if (_frames.Count(_take) == 0)
            {
                EditorGUILayout.LabelField("no frames yet");
                return;
            }
            Rect place = GUILayoutUtility.GetRect(0, PictureHeight, GUILayout.ExpandWidth(true));
            if (_texture != null) GUI.DrawTexture(place, _texture, ScaleMode.ScaleToFit);
            int wanted = EditorGUILayout.IntSlider(_number, 0, _frames.Last(_take));
            if (wanted != _number)
            {
                _follow = false;
                Seek(wanted);
            }
            EditorGUILayout.LabelField("take " + _take + ", frame " + (_number + 1) + " of " + _frames.Count(_take));
        }

        public void Free()
        {
            if (_texture != null) Object.DestroyImmediate(_texture);
            _texture = null;
        }

        void Seek(int number)
        {
            _number = number;
            SpatiaWire.ToTexture(_frames.Get(_take, (uint)number), ref _texture);
        }
    }
}
