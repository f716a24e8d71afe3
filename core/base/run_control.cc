#include "core/base/run_control.h"

#include <algorithm>
#include <utility>

namespace orrery {

RunControl::RunControl(Progress progress, std::stop_token stop) : shared_(std::make_shared<Shared>()) {
  shared_->progress = std::move(progress);
  shared_->stop = std::move(stop);
}

void RunControl::Check() const {
  if (!shared_ || !shared_->stop.stop_requested()) return;
  const std::lock_guard lock(shared_->mutex);
  throw Stopped(shared_->what);
}

void RunControl::Tell(double share) const { Tell(share, {}); }

void RunControl::Tell(double share, std::string_view what) const {
  if (!shared_) return;
  Check();
  const std::lock_guard lock(shared_->mutex);
  if (!what.empty()) shared_->what = what;
  shared_->told = std::max(shared_->told, from_ + length_ * std::clamp(share, 0.0, 1.0));
  if (shared_->progress) shared_->progress(shared_->told, shared_->what);
}

RunControl RunControl::Part(double from, double to) const {
  RunControl part = *this;
  part.from_ = from_ + length_ * from;
  part.length_ = length_ * (to - from);
  return part;
}

}  // namespace orrery
