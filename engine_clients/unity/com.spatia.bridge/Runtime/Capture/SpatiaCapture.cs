using System;
using System.Collections.Generic;
using UnityEngine;
using UnityEngine.Rendering;
using Object = UnityEngine.Object;
using Wire = Spatia.Bridge.Protocol;

namespace Spatia.Bridge
{
    /// <summary>What a camera of your level sees, as a seed: colour as the player sees it, and the distance of every pixel.
    /// <para>Colour and depth are rendered one after the other by a camera of their own, with the intrinsics that are sent.
    /// Memory's own points are left out. Where the pipeline lets a camera render into a depth texture (built-in, URP), that is
    /// read; elsewhere (HDRP) the opaque renderers are drawn once more by a shader of distance: terrain and shaders that move
    /// vertices or cut holes are not seen right there. Glass and other transparent things have colour but no
    /// depth.</para></summary>
    public static class SpatiaCapture
    {
        const int LastOpaqueQueue = 2500;
        const float Nothing = float.MaxValue;  // depth of a pixel without a surface: backdrop
        static readonly int NearFarName = Shader.PropertyToID("_SpatiaNearFar");

        /// <summary>The camera that is capturing, which memory is not drawn for.</summary>
        internal static Camera Capturing { get; private set; }

        /// <summary>Views for SpatiaBridge.SeedViews: one for each placement, in world space, of the camera.</summary>
        /// <exception cref="ArgumentException">The camera has no perspective.</exception>
        public static List<Wire.View> Views(
            SpatiaBridge bridge, Camera camera, IEnumerable<Pose> placements, int width, int height)
        {
            Wire.Intrinsics intrinsics = SpatiaIntrinsics.Of(camera, width, height);
            if (intrinsics == null) throw new ArgumentException("an orthographic camera cannot seed: take a perspective one");
            SpatiaMemory memory = bridge != null ? bridge.Memory : null;
            var found = new List<Wire.View>();
            foreach (Pose placement in placements) found.Add(Look(camera, placement, intrinsics, memory));
            return found;
        }

        /// <summary>One view from where the camera is.</summary>
        public static List<Wire.View> View(SpatiaBridge bridge, Camera camera, int width, int height)
        {
            var here = new Pose(camera.transform.position, camera.transform.rotation);
            return Views(bridge, camera, new[] { here }, width, height);
        }

        /// <summary>Placements for a sweep of a room: all round from each of some places.</summary>
        public static List<Pose> Sweep(IEnumerable<Vector3> places, int steps = 6)
        {
            var found = new List<Pose>();
            foreach (Vector3 place in places)
            {
                for (int i = 0; i < steps; ++i) found.Add(new Pose(place, Quaternion.AngleAxis(360f * i / steps, Vector3.up)));
            }
            return found;
        }

        static Wire.View Look(Camera camera, Pose placement, Wire.Intrinsics intrinsics, SpatiaMemory memory)
        {
            var holder = new GameObject("Spatia capture") { hideFlags = HideFlags.HideAndDontSave };
            try
            {
                Camera twin = holder.AddComponent<Camera>();
                twin.CopyFrom(camera);
                twin.enabled = false;
                twin.cameraType = CameraType.Game;
                twin.rect = new Rect(0, 0, 1, 1);
                twin.allowMSAA = false;
                twin.transform.SetPositionAndRotation(placement.position, placement.rotation);
                twin.projectionMatrix = SpatiaIntrinsics.ToProjection(intrinsics, twin.nearClipPlane, twin.farClipPlane);
                Capturing = twin;
                int width = (int)intrinsics.Width, height = (int)intrinsics.Height;
                byte[] colour = Colour(twin, width, height), depth = Depth(twin, width, height);
                Pose relative = memory != null ? memory.MemoryFrom(placement) : placement;
                double metresPerUnit = memory != null ? 1.0 / memory.Scale : 1;
                Wire.Camera seen = PoseStream.Message(relative, intrinsics, Time.realtimeSinceStartupAsDouble);
                return Message(seen, colour, depth, metresPerUnit);
            }
            finally
            {
                Capturing = null;
                Object.DestroyImmediate(holder);
            }
        }

        /// <summary>A view of the protocol: colour as PNG, depth as float32 rows from the bottom, as textures are read.</summary>
        internal static Wire.View Message(Wire.Camera camera, byte[] colourPng, byte[] depth, double metresPerUnit)
        {
            uint width = camera.Intrinsics.Width, height = camera.Intrinsics.Height;
            return new Wire.View
            {
                Camera = camera,
                Colour = Image(Wire.ImageFormat.Png, width, height, colourPng),
                ColourSpace = Wire.ColourSpace.Srgb,
                Depth = Image(Wire.ImageFormat.Raw, width, height, depth),
                DepthConvention = Wire.DepthConvention.Planar,
                MetresPerUnit = metresPerUnit,
                RowOrder = Wire.RowOrder.BottomUp,
            };
        }

        static Wire.Image Image(Wire.ImageFormat format, uint width, uint height, byte[] data)
        {
            return new Wire.Image { Format = format, Width = width, Height = height, Data = new ArraySegment<byte>(data) };
        }

        static byte[] Colour(Camera twin, int width, int height)
        {
            RenderTexture target =
                RenderTexture.GetTemporary(width, height, 24, RenderTextureFormat.ARGB32, RenderTextureReadWrite.sRGB);
            twin.targetTexture = target;
            twin.Render();
            twin.targetTexture = null;
            Texture2D read = Read(target, TextureFormat.RGB24);
            RenderTexture.ReleaseTemporary(target);
            byte[] png = read.EncodeToPNG();
            Object.DestroyImmediate(read);
            return png;
        }

        static byte[] Depth(Camera twin, int width, int height)
        {
            var shader = Resources.Load<Shader>("Spatia/SpatiaDistance");
            var material = new Material(shader) { hideFlags = HideFlags.HideAndDontSave };
            RenderTexture distance =
                RenderTexture.GetTemporary(width, height, 32, RenderTextureFormat.RFloat, RenderTextureReadWrite.Linear);
            if (RendersDepthTextures()) FromDepthTexture(twin, distance, material);
            else FromRenderers(twin, distance, material);
            Texture2D read = Read(distance, TextureFormat.RFloat);
            RenderTexture.ReleaseTemporary(distance);
            byte[] data = read.GetRawTextureData();
            Object.DestroyImmediate(read);
            Object.DestroyImmediate(material);
            return data;
        }

        static bool RendersDepthTextures()
        {
            RenderPipelineAsset pipeline = GraphicsSettings.currentRenderPipeline;
            return pipeline == null || pipeline.GetType().Name == "UniversalRenderPipelineAsset";
        }

        /// <summary>The camera's own depth buffer, made linear.</summary>
        static void FromDepthTexture(Camera twin, RenderTexture distance, Material material)
        {
            RenderTexture depth = RenderTexture.GetTemporary(distance.width, distance.height, 32, RenderTextureFormat.Depth);
            twin.renderingPath = RenderingPath.Forward;
            twin.clearFlags = CameraClearFlags.SolidColor;
            twin.targetTexture = depth;
            twin.Render();
            twin.targetTexture = null;
            material.SetVector(NearFarName, new Vector4(twin.nearClipPlane, twin.farClipPlane, 0, 0));
            Graphics.Blit(depth, distance, material, 0);
            RenderTexture.ReleaseTemporary(depth);
        }

        /// <summary>Every opaque renderer that the camera may see, drawn by a shader that writes the distance.</summary>
        static void FromRenderers(Camera twin, RenderTexture distance, Material material)
        {
            using (var commands = new CommandBuffer { name = "Spatia distance" })
            {
                commands.SetRenderTarget(distance);
                commands.ClearRenderTarget(true, true, new Color(Nothing, 0, 0, 0));
                commands.SetViewProjectionMatrices(twin.worldToCameraMatrix, twin.projectionMatrix);
                foreach (Renderer renderer in Object.FindObjectsOfType<Renderer>())
                {
                    bool masked = (twin.cullingMask & 1 << renderer.gameObject.layer) == 0;
                    if (masked || !renderer.enabled || renderer.forceRenderingOff) continue;
                    Material[] materials = renderer.sharedMaterials;
                    for (int i = 0; i < materials.Length; ++i)
                    {
                        if (materials[i] == null || materials[i].renderQueue > LastOpaqueQueue) continue;
                        commands.DrawRenderer(renderer, material, i, 1);
                    }
                }
                Graphics.ExecuteCommandBuffer(commands);
            }
        }

        static Texture2D Read(RenderTexture from, TextureFormat format)
        {
            RenderTexture before = RenderTexture.active;
            RenderTexture.active = from;
            var found = new Texture2D(from.width, from.height, format, false, format == TextureFormat.RFloat);
            found.ReadPixels(new Rect(0, 0, from.width, from.height), 0, 0, false);
            RenderTexture.active = before;
            return found;
        }
    }
}
