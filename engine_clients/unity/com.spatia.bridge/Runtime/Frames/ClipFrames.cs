using System.Collections.Generic;
using System.Linq;
using Wire = Spatia.Bridge.Protocol;

namespace Spatia.Bridge
{
    /// <summary>Frames of takes as they came, still encoded.</summary>
    public sealed class ClipFrames
    {
        /// <summary>Kept in all; then the oldest take goes.</summary>
        public const int MaxFrames = 2000;

        readonly SortedDictionary<uint, SortedDictionary<uint, Wire.Image>> _takes =
            new SortedDictionary<uint, SortedDictionary<uint, Wire.Image>>();
        int _kept;

        public void Add(Wire.TakeFrame frame)
        {
            SortedDictionary<uint, Wire.Image> take;
            if (!_takes.TryGetValue(frame.Take, out take))
            {
                while (_kept >= MaxFrames) Forget(_takes.Keys.First());
                _takes[frame.Take] = take = new SortedDictionary<uint, Wire.Image>();
            }
            if (!take.ContainsKey(frame.Number)) ++_kept;
            take[frame.Number] = frame.Colour;
        }

        /// <summary>How many frames of a take are here.</summary>
        public int Count(uint take) { return _takes.ContainsKey(take) ? _takes[take].Count : 0; }

        /// <summary>The number of the last frame of a take that is here; −1 if there is none.</summary>
        public int Last(uint take) { return Count(take) == 0 ? -1 : (int)_takes[take].Keys.Last(); }

        /// <summary>A frame, null if it is not here.</summary>
        public Wire.Image Get(uint take, uint number)
        {
            Wire.Image found = null;
            if (_takes.ContainsKey(take)) _takes[take].TryGetValue(number, out found);
            return found;
        }

        void Forget(uint take)
        {
            _kept -= _takes[take].Count;
            _takes.Remove(take);
        }
    }
}
