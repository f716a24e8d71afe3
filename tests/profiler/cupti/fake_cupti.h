// A CUPTI in memory: builds buffers of raw records byte by byte, as the real one would, and plays the calls
// of a session.
#pragma once

#include <cstring>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "profiler/cupti/api.h"
#include "profiler/cupti/layout.h"

namespace orrery::profiler::cupti {

/// Raw bytes of one record. Strings live as long as the process.
class RawRecord {
 public:
  RawRecord(ActivityKind kind, std::size_t size) : bytes_(size, 0) {
    Put(0, static_cast<std::uint32_t>(kind));
  }

  template <typename T>
  RawRecord& Put(std::size_t offset, T value) {
    std::memcpy(bytes_.data() + offset, &value, sizeof value);
    return *this;
  }
  RawRecord& Text(std::size_t offset, const std::string& text) {
    static std::set<std::string> kept;
    return Put(offset, kept.insert(text).first->c_str());
  }
  const std::vector<std::uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
};

inline RawRecord RawKernel(const std::string& name, std::uint64_t start, std::uint64_t end,
                           std::uint32_t correlation = 1) {
  namespace at = layout::kernel;
  constexpr std::size_t kKernel10 = 216;
  RawRecord r(ActivityKind::kConcurrentKernel, kKernel10);
  r.Put(at::kStart, start).Put(at::kEnd, end).Put(at::kCorrelation, correlation).Text(at::kName, name);
  r.Put(at::kDevice, std::uint32_t{2}).Put(at::kContext, std::uint32_t{1}).Put(at::kStream, std::uint32_t{7});
  for (std::int32_t i = 0; i < 3; ++i) {
    const auto step = static_cast<std::size_t>(4 * i);
    r.Put(at::kGrid + step, 112 + i).Put(at::kBlock + step, 384 + i).Put(at::kCluster + step, 2 + i);
  }
  r.Put(at::kStaticShared, 16).Put(at::kDynamicShared, 200000).Put(at::kRegisters, std::uint16_t{168});
  return r.Put(at::kGraphNode, std::uint64_t{99});
}

class FakeCupti final : public Api {
 public:
  // What the fake should do.
  int subscribe_result = kSuccess;
  std::string other_tool;
  std::map<ActivityKind, int> enable_results;
  std::uint32_t version = 130001;
  std::size_t dropped = 0;
  // What the session did.
  std::vector<std::string> calls;
  ActivityBuffers* buffers = nullptr;

  /// A kernel ran: its record goes into the current buffer; full buffers are handed over at the next flush.
  bool Record(const RawRecord& record) {
    if (current_ == nullptr || used_ + record.bytes().size() > size_) {
      if (current_ != nullptr) full_.emplace_back(current_, used_);
      current_ = buffers->Request(&size_);
      used_ = 0;
      if (current_ == nullptr) {
        ++dropped;
        return false;
      }
    }
    std::memcpy(current_ + used_, record.bytes().data(), record.bytes().size());
    sizes_[current_ + used_] = record.bytes().size();
    used_ += record.bytes().size();
    return true;
  }

  std::uint32_t Version() override { return version; }
  std::string ResultText(int result) override { return "CUPTI result " + std::to_string(result); }
  int Subscribe(std::string* other) override {
    calls.emplace_back("subscribe");
    *other = other_tool;
    return subscribe_result;
  }
  int Unsubscribe() override { return Call("unsubscribe"); }
  int RegisterBuffers(ActivityBuffers* given) override {
    buffers = given;
    return Call("register");
  }
  int Enable(ActivityKind kind) override {
    calls.push_back("enable " + std::to_string(static_cast<int>(kind)));
    const auto it = enable_results.find(kind);
    return it == enable_results.end() ? kSuccess : it->second;
  }
  int Disable(ActivityKind kind) override {
    return Call("disable " + std::to_string(static_cast<int>(kind)));
  }
  int Flush(bool forced) override {
    calls.emplace_back(forced ? "flush forced" : "flush");
    if (forced && current_ != nullptr) {
      full_.emplace_back(current_, used_);
      current_ = nullptr;
    }
    while (!full_.empty()) {
      const auto [buffer, used] = full_.front();
      full_.pop_front();
      buffers->Complete(buffer, used);
    }
    return kSuccess;
  }
  int NextRecord(std::uint8_t* buffer, std::size_t valid, std::uint8_t** record) override {
    std::uint8_t* next = *record == nullptr ? buffer : *record + sizes_.at(*record);
    if (next >= buffer + valid) return kErrorMaxLimitReached;
    *record = next;
    return kSuccess;
  }
  int DroppedRecords(std::size_t* count) override {
    *count = dropped;
    dropped = 0;
    return Call("dropped");
  }

 private:
  int Call(const std::string& name) {
    calls.push_back(name);
    return kSuccess;
  }

  std::uint8_t* current_ = nullptr;
  std::size_t size_ = 0, used_ = 0;
  std::deque<std::pair<std::uint8_t*, std::size_t>> full_;
  std::map<const std::uint8_t*, std::size_t> sizes_;
};

}  // namespace orrery::profiler::cupti
