// A coarse event loop for what arrives and departs: requests, failures, units that come and go. Slower an
// event than the engine of rank programs, which plays thousands of them inside one step of this loop, and
// free of its fixed programs.
//
//   EventLoop<MyEvent> loop;
//   loop.At(FromSeconds(1), MyEvent{...});
//   loop.Run([&](Time now, const MyEvent& event) { loop.At(now + service, ...); });
//
// Events of equal time are handled in the order in which they were scheduled, so a simulation has one
// outcome.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/units.h"
#include "core/engine/radix_heap.h"

namespace orrery {

template <class Event>
class EventLoop {
 public:
  /// Names a scheduled event, to cancel it.
  using Ticket = std::uint64_t;

  /// Schedules `event`; `time` is not before now().
  Ticket At(Time time, Event event) {
    std::uint32_t slot;
    if (free_.empty()) {
      slot = static_cast<std::uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    slots_[slot].event = std::move(event);
    slots_[slot].live = true;
    ++pending_;
    heap_.Push(static_cast<std::uint64_t>(time.count()), slot);
    return static_cast<Ticket>(slots_[slot].uses) << 32 | slot;
  }

  /// Takes a scheduled event back. False if it has been handled or cancelled already.
  bool Cancel(Ticket ticket) {
    const auto slot = static_cast<std::uint32_t>(ticket);
    if (slot >= slots_.size() || slots_[slot].uses != static_cast<std::uint32_t>(ticket >> 32) ||
        !slots_[slot].live)
      return false;
    slots_[slot].live = false;
    --pending_;
    return true;
  }

  /// Handles events in order of time until none is left, or those up to `until`. `handle(Time now, Event&)`
  /// may schedule and cancel. Returns the number handled.
  template <class Handler>
  std::uint64_t Run(Handler&& handle, Time until = Time::max()) {
    const bool bounded = until != Time::max();
    if (bounded) heap_.Push(static_cast<std::uint64_t>(until.count()), kEnd);
    std::uint64_t handled = 0;
    while (bounded || pending_ > 0) {
      const auto next = heap_.Pop();
      if (next.payload == kEnd) break;
      Slot& slot = slots_[next.payload];
      const bool live = std::exchange(slot.live, false);
      Event event = std::move(slot.event);
      ++slot.uses;
      free_.push_back(next.payload);
      if (!live) continue;
      --pending_;
      ++handled;
      now_ = Time{static_cast<std::int64_t>(next.time)};
      handle(now_, event);
    }
    if (bounded) now_ = until;
    return handled;
  }

  Time now() const { return now_; }
  std::size_t pending() const { return pending_; }

 private:
  static constexpr std::uint32_t kEnd = ~std::uint32_t{0};  ///< where a bounded run ends

  struct Slot {
    Event event{};
    std::uint32_t uses = 0;  ///< events that have had this slot: tells an old ticket from a new one
    bool live = false;
  };

  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  RadixHeap<std::uint32_t> heap_;
  std::size_t pending_ = 0;
  Time now_{};
};

}  // namespace orrery
