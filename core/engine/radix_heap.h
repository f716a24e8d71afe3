// A stable monotone priority queue for event times.
//
// Purpose: the pending-event set of a simulation, where time never runs backwards. Events of equal time pop
// in the order they were pushed. Cost per event: a move for every level it descends (Ahuja et al., JACM 37(2),
// 1990), cut short by a sorted run at the bottom; in practice flat from a thousand to a million pending events,
// and faster when many times are equal, as they are in a symmetric cluster.
//
// How: bucket b holds times whose highest bit that differs from a reference time is bit b - 1. When the run is
// used up, the lowest bucket becomes the run if it is small (sorted, stably), or is spread over the buckets
// below it, in order, so that equal times never overtake each other.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/error.h"

namespace orrery {

template <class Payload>
class RadixHeap {
 public:
  struct Event {
    std::uint64_t time;
    Payload payload;
  };

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  /// Time of the last popped event; pushes must not lie before it.
  std::uint64_t now() const { return now_; }

  void Push(std::uint64_t time, Payload payload) {
    ORRERY_CHECK(time >= now_, "event at " + std::to_string(time) + " before now " + std::to_string(now_));
    ++size_;
    Place({time, payload});
  }

  /// Empty, at time 0; what is allocated stays.
  void Clear() {
    for (auto& bucket : buckets_) bucket.clear();
    run_.clear();
    head_ = size_ = 0;
    now_ = reference_ = occupied_ = 0;
    run_bits_ = 0;
  }

  /// Removes and returns the earliest event. The heap must not be empty.
  Event Pop() {
    if (head_ == run_.size()) Refill();
    --size_;
    now_ = run_[head_].time;
    return run_[head_++];
  }

 private:
  static constexpr std::size_t kSmall = 64;      ///< a bucket of at most so many becomes the run
  static constexpr std::size_t kLongRun = 1024;  ///< a run of more than so many is spread again

  void Place(const Event& event) {
    const auto b = static_cast<unsigned>(std::bit_width(event.time ^ reference_));
    if (b <= run_bits_) {
      InsertIntoRun(event);
      return;
    }
    buckets_[b - 1].push_back(event);
    occupied_ |= std::uint64_t{1} << (b - 1);
  }

  /// After every event of the run that is not later.
  void InsertIntoRun(const Event& event) {
    run_.push_back(event);
    std::size_t i = run_.size() - 1;
    while (i > head_ && run_[i - 1].time > event.time) {
      run_[i] = run_[i - 1];
      --i;
    }
    run_[i] = event;
    if (run_.size() - head_ > kLongRun && run_bits_ > 0) SpreadRun();
  }

  /// A run into which much is pushed would cost a long insertion each time: back into buckets with it.
  void SpreadRun() {
    scratch_.assign(run_.begin() + static_cast<std::ptrdiff_t>(head_), run_.end());
    Restart(scratch_.front().time);
  }

  /// Spreads scratch_ (in stable order) below a new reference time, its earliest.
  void Restart(std::uint64_t earliest) {
    run_.clear();
    head_ = 0;
    run_bits_ = 0;
    reference_ = earliest;
    for (const Event& event : scratch_) Place(event);
  }

  void Refill() {
    ORRERY_CHECK(occupied_ != 0, "pop from an empty heap");
    const auto lowest = static_cast<unsigned>(std::countr_zero(occupied_));
    occupied_ &= occupied_ - 1;
    std::vector<Event>& source = buckets_[lowest];
    if (source.size() <= kSmall) {
      run_.clear();
      head_ = 0;
      run_bits_ = lowest;
      for (const Event& event : source) SortIn(event);
      reference_ = run_.front().time;
      source.clear();
      return;
    }
    scratch_.swap(source);
    source.clear();
    std::uint64_t earliest = scratch_[0].time;
    for (const Event& event : scratch_) earliest = std::min(earliest, event.time);
    Restart(earliest);
  }

  void SortIn(const Event& event) {
    run_.push_back(event);
    std::size_t i = run_.size() - 1;
    for (; i > 0 && run_[i - 1].time > event.time; --i) run_[i] = run_[i - 1];
    run_[i] = event;
  }

  std::array<std::vector<Event>, 64> buckets_;
  std::vector<Event> run_;  ///< the earliest events, sorted; those before head_ are gone
  std::vector<Event> scratch_;
  std::size_t size_ = 0, head_ = 0;
  std::uint64_t now_ = 0;
  std::uint64_t reference_ = 0;
  unsigned run_bits_ = 0;       ///< times that differ from the reference in lower bits only belong to the run
  std::uint64_t occupied_ = 0;  ///< bit i: bucket i is not empty
};

}  // namespace orrery
