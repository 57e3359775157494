using System;
using System.Collections.Generic;

namespace Spatia.Bridge
{
    /// <summary>How many of their points chunks deserve in one picture. Any prefix of a chunk is an even, coarser sample, so
    /// fewer points means the first so many, each drawn wider.</summary>
    public static class LevelOfDetail
    {
        const double LeastDetailPixels = 0.1;
        const double Coarsest = 1e6;
        const int Halvings = 12;

        /// <summary>A chunk as one camera sees it.</summary>
        public struct Seen
        {
            public int Points;
            /// <summary>Between neighbours, were all drawn: a voxel of the chunk's level on the screen where it is
            /// nearest.</summary>
            public double SpacingPixels;
        }

        /// <summary>How many to draw where neighbours shall be detailPixels apart (0: all), and coarser times that.</summary>
        public static int Drawn(Seen chunk, double detailPixels, double coarser)
        {
            if (detailPixels <= 0 && coarser <= 1) return chunk.Points;
            double share = Math.Min(chunk.SpacingPixels / (Math.Max(detailPixels, LeastDetailPixels) * coarser), 1);
            return (int)Math.Ceiling(chunk.Points * share * share);
        }

        /// <summary>How much coarser than detailPixels says all must get so that at most budget points are drawn; 1 if they
        /// fit.</summary>
        public static double Coarser(List<Seen> chunks, double detailPixels, long budget)
        {
            if (Sum(chunks, detailPixels, 1) <= budget) return 1;
            double fine = 1, coarse = Coarsest;
            for (int i = 0; i < Halvings; ++i)
            {
                double middle = Math.Sqrt(fine * coarse);
                if (Sum(chunks, detailPixels, middle) <= budget) coarse = middle;
                else fine = middle;
            }
            return coarse;
        }

        static long Sum(List<Seen> chunks, double detailPixels, double coarser)
        {
            long sum = 0;
            foreach (Seen chunk in chunks) sum += Drawn(chunk, detailPixels, coarser);
            return sum;
        }
    }
}
