// Pixels to picoseconds and back, at every zoom from a whole step to a nanosecond.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace orrery::gui {

class TimeAxis {
 public:
  /// Shows `from` to `to` (picoseconds, `from` < `to`) on `width` pixels (> 0); both are also how far it can go.
  TimeAxis(std::int64_t from, std::int64_t to, double width);

  double Pixel(std::int64_t time) const { return static_cast<double>(time - from_) / per_pixel_; }
  /// The time at a pixel, rounded down.
  std::int64_t Time(double pixel) const;
  std::int64_t from() const { return from_; }
  std::int64_t to() const { return Time(width_); }
  double width() const { return width_; }
  double per_pixel() const { return per_pixel_; }  ///< picoseconds
  std::int64_t first() const { return first_; }    ///< the limits that it was made with
  std::int64_t last() const { return last_; }

  /// The time below `pixel` stays there; `factor` > 1 shows less. Never beyond the limits, never less than 1 ns.
  void Zoom(double pixel, double factor);
  /// Moves by pixels; what is at the right comes into view where they are positive.
  void Pan(double pixels);
  /// Shows `from` to `to`, as far as the limits allow.
  void Show(std::int64_t from, std::int64_t to);
  void Fit() { Show(first_, last_); }
  /// Another width of the window: the same times stay in view.
  void Resize(double width);
  /// The same times on pixels that are `scale` times as many.
  TimeAxis Scaled(double scale) const;

 private:
  void Clamp();

  std::int64_t first_, last_;  ///< limits
  std::int64_t from_;
  double per_pixel_, width_;
};

struct TimeTick {
  std::int64_t time = 0;
  std::string text;
};

/// Marks at round times, at most `most`. Where less than a millisecond lies between them, they count from `base`:
/// "+20 us", and `base_text` is what they are added to.
struct TimeTicks {
  std::vector<TimeTick> ticks;
  std::string base_text;
};

TimeTicks TicksOf(const TimeAxis& axis, int most);

}  // namespace orrery::gui
