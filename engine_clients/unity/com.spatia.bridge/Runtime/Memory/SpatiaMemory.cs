using System;
using System.Collections.Generic;
using System.Diagnostics;
using UnityEngine;
using UnityEngine.Rendering;

namespace Spatia.Bridge
{
    /// <summary>Shows the points of memory. Move, turn or evenly scale this object to put memory where your level wants it.
    /// <para>Points go from the wire to the graphics card as they are, a buffer a chunk; a shader does the rest. What is far away
    /// is drawn with fewer, wider points, for each camera as it needs.</para></summary>
    [ExecuteAlways]
    [AddComponentMenu("Spatia/Spatia Memory")]
    public sealed class SpatiaMemory : MonoBehaviour
    {
        const double UploadSecs = 0.004;  // a frame
        static readonly int SizeScaleName = Shader.PropertyToID("_SpatiaSizeScale");
        static readonly int MinConfidenceName = Shader.PropertyToID("_SpatiaMinConfidence");

        [Range(0.1f, 4), Tooltip("Wider than 1 closes gaps, smaller shows the single points.")]
        public float pointSize = 1;
        [Range(0, 1), Tooltip("Points that memory is less sure of are hidden.")]
        public float minConfidence;
        [Range(0, 8), Tooltip("Where points lie closer than so many pixels, fewer are drawn. 0 draws all.")]
        public float detailPixels = 0.9f;
        [Tooltip("At most so many points are drawn for a camera; beyond, everything gets coarser.")]
        public long pointBudget = 8000000;

        /// <summary>What is shown changed.</summary>
        public event Action Changed = delegate { };

        readonly Dictionary<ChunkKey, DrawnChunk> _drawn = new Dictionary<ChunkKey, DrawnChunk>();
        readonly HashSet<ChunkKey> _dirty = new HashSet<ChunkKey>();
        readonly List<DrawnChunk> _inView = new List<DrawnChunk>();
        readonly List<LevelOfDetail.Seen> _seen = new List<LevelOfDetail.Seen>();
        readonly Plane[] _frustum = new Plane[6];
        PointMirror _mirror;
        Material _material;
        Matrix4x4 _placed;

        /// <summary>What there is to show. SpatiaBridge sets its own.</summary>
        public PointMirror Mirror
        {
            get { return _mirror; }
            set
            {
                if (_mirror == value) return;
                if (_mirror != null)
                {
                    _mirror.ChunkChanged -= MarkDirty;
                    _mirror.Cleared -= Clear;
                }
                _mirror = value;
                if (_mirror != null)
                {
                    _mirror.ChunkChanged += MarkDirty;
                    _mirror.Cleared += Clear;
                }
                StartOver();
            }
        }

        /// <summary>True when all that came is on the graphics card.</summary>
        public bool IsUpToDate { get { return _dirty.Count == 0; } }
        /// <summary>Points that are on the graphics card.</summary>
        public long ShownPoints { get; private set; }
        /// <summary>Points that were drawn for the last camera.</summary>
        public long DrawnPoints { get; private set; }
        /// <summary>World units per unit of memory.</summary>
        public float Scale { get { return Mathf.Abs(transform.lossyScale.x); } }

        /// <summary>A pose relative to memory, as the server wants it.</summary>
        public Pose MemoryFrom(Pose world)
        {
            Quaternion turn = Quaternion.Inverse(transform.rotation) * world.rotation;
            return new Pose(transform.InverseTransformPoint(world.position), turn);
        }

        /// <summary>The world's pose of one relative to memory.</summary>
        public Pose WorldFrom(Pose relative)
        {
            return new Pose(transform.TransformPoint(relative.position), transform.rotation * relative.rotation);
        }

        /// <summary>Puts every chunk where it belongs, after the space of the mirror changed.</summary>
        public void PlaceAll()
        {
            _placed = transform.localToWorldMatrix;
            foreach (KeyValuePair<ChunkKey, DrawnChunk> each in _drawn) each.Value.Place(WorldFromBytes(each.Key));
        }

        /// <summary>Draws memory for one camera. Both kinds of render pipeline call it for every camera that renders, in the
        /// editor too.</summary>
        public void Draw(Camera camera)
        {
            DrawnPoints = 0;
            if (_drawn.Count == 0 || camera == SpatiaCapture.Capturing || camera.cameraType == CameraType.Preview) return;
            if (_placed != transform.localToWorldMatrix) PlaceAll();
            LookAt(camera);
            _material.SetFloat(SizeScaleName, pointSize);
            _material.SetFloat(MinConfidenceName, minConfidence);
            double coarser = LevelOfDetail.Coarser(_seen, detailPixels, pointBudget);
            var parameters = new RenderParams(_material)
            {
                camera = camera, layer = gameObject.layer, shadowCastingMode = ShadowCastingMode.Off, receiveShadows = false,
            };
            for (int i = 0; i < _inView.Count; ++i)
            {
                int drawn = LevelOfDetail.Drawn(_seen[i], detailPixels, coarser);
                _inView[i].Draw(parameters, drawn);
                DrawnPoints += drawn;
            }
        }

        /// <summary>Uploads what came, for about so long.</summary>
        public void Upload(double budgetSecs = UploadSecs)
        {
            if (_dirty.Count == 0 || _mirror == null) return;
            Stopwatch clock = Stopwatch.StartNew();
            foreach (ChunkKey key in new List<ChunkKey>(_dirty))
            {
                _dirty.Remove(key);
                Upload(key);
                if (clock.Elapsed.TotalSeconds > budgetSecs) break;
            }
            Changed();
        }

        void OnEnable()
        {
            _material = new Material(Resources.Load<Shader>("Spatia/SpatiaPoints")) { hideFlags = HideFlags.HideAndDontSave };
            Camera.onPreCull += Draw;
            RenderPipelineManager.beginCameraRendering += Draw;
            StartOver();
        }

        void OnDisable()
        {
            Camera.onPreCull -= Draw;
            RenderPipelineManager.beginCameraRendering -= Draw;
            Clear();
            DestroyImmediate(_material);
        }

        void LateUpdate()
        {
            if (Application.isPlaying) Upload(Math.Max(UploadSecs, 0.2 * Time.unscaledDeltaTime));
        }

        void Draw(ScriptableRenderContext context, Camera camera) { Draw(camera); }

        void MarkDirty(ChunkKey key) { _dirty.Add(key); }

        /// <summary>Which chunks a camera sees, and how finely.</summary>
        void LookAt(Camera camera)
        {
            _inView.Clear();
            _seen.Clear();
            GeometryUtility.CalculateFrustumPlanes(camera, _frustum);
            Vector3 eye = camera.transform.position;
            float focal = camera.projectionMatrix.m11 * camera.pixelHeight * 0.5f;
            foreach (DrawnChunk chunk in _drawn.Values)
            {
                if (!GeometryUtility.TestPlanesAABB(_frustum, chunk.Bounds)) continue;
                _inView.Add(chunk);
                double spacing = chunk.SpacingPixels(eye, focal, camera.orthographic);
                _seen.Add(new LevelOfDetail.Seen { Points = chunk.Points, SpacingPixels = spacing });
            }
        }

        Matrix4x4 WorldFromBytes(ChunkKey key)
        {
            return transform.localToWorldMatrix * SpatiaWire.ToMatrix(_mirror.ClientFromBytes(key));
        }

        void Upload(ChunkKey key)
        {
            ArraySegment<byte> bytes = _mirror.Shown(key);
            DrawnChunk chunk;
            if (_drawn.TryGetValue(key, out chunk)) ShownPoints -= chunk.Points;
            if (bytes.Count == 0)
            {
                if (chunk != null) chunk.Release();
                _drawn.Remove(key);
                return;
            }
            if (chunk == null)
            {
                chunk = new DrawnChunk();
                chunk.Place(WorldFromBytes(key));
                _drawn[key] = chunk;
            }
            chunk.Upload(bytes, _mirror.TotalPoints(key));
            ShownPoints += chunk.Points;
        }

        void Clear()
        {
            foreach (DrawnChunk chunk in _drawn.Values) chunk.Release();
            _drawn.Clear();
            _dirty.Clear();
            ShownPoints = 0;
            Changed();
        }

        void StartOver()
        {
            Clear();
            if (_mirror == null || !isActiveAndEnabled) return;
            foreach (ChunkKey key in _mirror.Keys()) _dirty.Add(key);
        }
    }
}
