using UnityEngine;
using UnityEngine.Events;
using Wire = Spatia.Bridge.Protocol;

namespace Spatia.Bridge
{
    /// <summary>Shows the frames of takes: on a renderer's material, in a RawImage, or wherever On Texture is bound to. A clip
    /// that is being made is shown as it comes; any that is here can be played again.</summary>
    [AddComponentMenu("Spatia/Spatia Frame Display")]
    public sealed class SpatiaFrameDisplay : MonoBehaviour
    {
        public SpatiaBridge bridge;
        [Tooltip("Whose material shows the frames, if any.")]
        public Renderer target;
        [Tooltip("The texture property of that material.")]
        public string textureName = "_MainTex";
#if SPATIA_UGUI
        public UnityEngine.UI.RawImage rawImage;
#endif
        [Tooltip("Told of the texture with each frame.")]
        public UnityEvent<Texture> onTexture = new UnityEvent<Texture>();

        readonly ClipFrames _frames = new ClipFrames();
        SpatiaBridge _heard;
        MaterialPropertyBlock _properties;
        Texture2D _texture;
        double _clockSecs;
        double _fps;  // 0: not playing

        public Texture2D Texture { get { return _texture; } }
        /// <summary>Which take is shown, and which of its frames.</summary>
        public uint Take { get; private set; }
        public uint Number { get; private set; }

        /// <summary>Shows a frame if it is here; true then.</summary>
        public bool Show(uint take, uint number)
        {
            if (!SpatiaWire.ToTexture(_frames.Get(take, number), ref _texture)) return false;
            Take = take;
            Number = number;
            if (target != null)
            {
                if (_properties == null) _properties = new MaterialPropertyBlock();
                target.GetPropertyBlock(_properties);
                _properties.SetTexture(textureName, _texture);
                target.SetPropertyBlock(_properties);
            }
#if SPATIA_UGUI
            if (rawImage != null) rawImage.texture = _texture;
#endif
            onTexture.Invoke(_texture);
            return true;
        }

        /// <summary>Plays a take from its first frame, and asks the server for it if not all of it is here.</summary>
        public void Play(uint take)
        {
            Wire.Take known;
            if (bridge == null || !bridge.Takes.TryGetValue(take, out known)) return;
            if (_frames.Count(take) < known.FramesTotal) bridge.FetchFrames(take);
            Take = take;
            _clockSecs = 0;
            _fps = known.Fps;
        }

        public void Stop() { _fps = 0; }

        void OnEnable() { Hear(bridge); }
        void OnDisable() { Hear(null); }

        void OnDestroy()
        {
            if (_texture != null) DestroyImmediate(_texture);
        }

        void Receive(Wire.TakeFrame frame)
        {
            _frames.Add(frame);
            if (_fps <= 0) Show(frame.Take, frame.Number);
        }

        void Hear(SpatiaBridge from)
        {
            if (!ReferenceEquals(_heard, null)) _heard.FrameReceived -= Receive;
            _heard = from;
            if (from != null) from.FrameReceived += Receive;
        }

        void Update()
        {
            if (_heard != bridge) Hear(bridge);  // a script may name it late
            if (_fps <= 0) return;
            int last = _frames.Last(Take);
            var number = (int)(_clockSecs * _fps);
            _clockSecs += Time.unscaledDeltaTime;
            if (number <= last) Show(Take, (uint)number);
            else if (last + 1 >= bridge.Takes[Take].FramesTotal) Stop();
        }
    }
}
