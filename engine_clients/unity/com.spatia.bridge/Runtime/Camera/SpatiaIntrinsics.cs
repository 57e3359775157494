using UnityEngine;
using Wire = Spatia.Bridge.Protocol;

namespace Spatia.Bridge
{
    /// <summary>A camera's focal lengths and optical centre in pixels: field of view, or lens, sensor, gate fit and lens shift of
    /// a physical camera.</summary>
    public static class SpatiaIntrinsics
    {
        const float SameAspect = 1e-4f;

        /// <summary>Of a camera that fills an image of this size; null if it has no perspective. Where image and camera have one
        /// aspect the matrix is read that the engine projects with, so that whatever a script set counts.</summary>
        public static Wire.Intrinsics Of(Camera camera, int width, int height)
        {
            if (camera.orthographic || width <= 0 || height <= 0) return null;
            float aspect = (float)width / height;
            if (Mathf.Abs(camera.aspect - aspect) < SameAspect * aspect) return Of(camera.projectionMatrix, width, height);
            return camera.usePhysicalProperties
                ? OfPhysical(camera, width, height)
                : OfFieldOfView(camera.fieldOfView, width, height);
        }

        /// <summary>Of a projection matrix in the form of Camera.projectionMatrix; null if it has no perspective.</summary>
        public static Wire.Intrinsics Of(Matrix4x4 projection, int width, int height)
        {
            if (projection.m32 == 0) return null;
            return Make(projection.m00 * width * 0.5, projection.m11 * height * 0.5,
                        width * 0.5 * (1 - projection.m02), height * 0.5 * (1 + projection.m12), width, height);
        }

        /// <summary>The matrix in the form of Camera.projectionMatrix that projects with these.</summary>
        public static Matrix4x4 ToProjection(Wire.Intrinsics intrinsics, float near, float far)
        {
            double width = intrinsics.Width, height = intrinsics.Height;
            Matrix4x4 found = Matrix4x4.zero;
            found.m00 = (float)(2 * intrinsics.Fx / width);
            found.m11 = (float)(2 * intrinsics.Fy / height);
            found.m02 = (float)(1 - 2 * intrinsics.Cx / width);
            found.m12 = (float)(2 * intrinsics.Cy / height - 1);
            found.m22 = -(far + near) / (far - near);
            found.m23 = -2 * far * near / (far - near);
            found.m32 = -1;
            return found;
        }

        static Wire.Intrinsics OfFieldOfView(float verticalDegrees, int width, int height)
        {
            double focal = height * 0.5 / System.Math.Tan(verticalDegrees * System.Math.PI / 360);
            return Make(focal, focal, width * 0.5, height * 0.5, width, height);
        }

        /// <summary>The image is fitted to the sensor by one side, and takes from beyond the sensor or leaves some of it out on
        /// the other; only with no fit it is stretched. Lens shift is a share of the sensor, and of the image by the same
        /// fit.</summary>
        static Wire.Intrinsics OfPhysical(Camera camera, int width, int height)
        {
            Vector2 sensor = camera.sensorSize, shift = camera.lensShift;
            double acrossPixelsPerMm = width / (double)sensor.x, downPixelsPerMm = height / (double)sensor.y;
            switch (Fit(camera.gateFit, acrossPixelsPerMm > downPixelsPerMm))
            {
                case Camera.GateFitMode.Horizontal: downPixelsPerMm = acrossPixelsPerMm; break;
                case Camera.GateFitMode.Vertical: acrossPixelsPerMm = downPixelsPerMm; break;
            }
            double centreX = width * 0.5 - shift.x * sensor.x * acrossPixelsPerMm;
            double centreY = height * 0.5 + shift.y * sensor.y * downPixelsPerMm;
            double focal = camera.focalLength;
            return Make(focal * acrossPixelsPerMm, focal * downPixelsPerMm, centreX, centreY, width, height);
        }

        /// <summary>Fill and overscan by which side decides: fill leaves none of the image without sensor.</summary>
        static Camera.GateFitMode Fit(Camera.GateFitMode mode, bool imageIsWider)
        {
            if (mode != Camera.GateFitMode.Fill && mode != Camera.GateFitMode.Overscan) return mode;
            bool across = imageIsWider == (mode == Camera.GateFitMode.Fill);
            return across ? Camera.GateFitMode.Horizontal : Camera.GateFitMode.Vertical;
        }

        static Wire.Intrinsics Make(double fx, double fy, double cx, double cy, int width, int height)
        {
            return new Wire.Intrinsics { Fx = fx, Fy = fy, Cx = cx, Cy = cy, Width = (uint)width, Height = (uint)height };
        }
    }
}
