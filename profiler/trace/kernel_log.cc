#include "profiler/trace/kernel_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace orrery::profiler {
namespace {

std::string Quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string HeaderLine(const KernelLogHeader& h) {
  nlohmann::ordered_json json = {{"schema", "orrery-kernel-log"},
                                 {"schema_version", 1},
                                 {"pid", h.pid},
                                 {"rank", h.rank},
                                 {"world_size", h.world_size},
                                 {"program", h.program},
                                 {"device", h.device},
                                 {"compute_capability", h.compute_capability},
                                 {"sms", h.sms},
                                 {"driver", h.driver},
                                 {"cupti", h.cupti}};
  for (const TraceDevice& more : h.more_devices) {
    json["more_devices"].push_back({{"id", more.id},
                                    {"device", more.name},
                                    {"compute_capability", more.compute_capability},
                                    {"sms", more.sms}});
  }
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string KernelLogFileName(const KernelLogHeader& header) {
  return header.rank >= 0 ? fmt::format("rank{}-pid{}.jsonl", header.rank, header.pid)
                          : fmt::format("pid{}.jsonl", header.pid);
}

namespace {

/// The name is known beforehand, so that a link may have been put there to have another file overwritten.
std::FILE* OpenNoLink(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
  return fd < 0 ? nullptr : ::fdopen(fd, "wb");
}

}  // namespace

KernelLogWriter::KernelLogWriter(const std::filesystem::path& file, const KernelLogHeader& header)
    : file_(OpenNoLink(file)), ok_(file_ != nullptr) {
  Line(HeaderLine(header));
}

KernelLogWriter::~KernelLogWriter() {
  if (file_ != nullptr) std::fclose(file_);
}

void KernelLogWriter::Line(std::string_view text) {
  if (file_ == nullptr) return;
  ok_ =
      ok_ && std::fwrite(text.data(), 1, text.size(), file_) == text.size() && std::fputc('\n', file_) != EOF;
}

void KernelLogWriter::Flush() {
  if (file_ != nullptr) ok_ = std::fflush(file_) == 0 && ok_;
}

void KernelLogWriter::Write(const cupti::ActivityRecord& record) {
  std::visit([this](const auto& r) { (*this)(r); }, record);
}

void KernelLogWriter::Close(const cupti::SessionLosses& losses) {
  if (file_ == nullptr) return;
  Line(fmt::format(R"({{"end":true,"dropped":{},"untimed":{},"undecoded":{}}})", losses.dropped,
                   losses.untimed, losses.undecoded));
  ok_ = std::fclose(file_) == 0 && ok_;
  file_ = nullptr;
}

std::uint32_t KernelLogWriter::NameNumber(std::string_view name) {
  const auto [it, added] =
      names_.try_emplace(std::string(name), static_cast<std::uint32_t>(names_.size() + 1));
  if (added) Line(fmt::format("[\"name\",{},{}]", it->second, Quoted(name)));
  return it->second;
}

void KernelLogWriter::operator()(const cupti::KernelRecord& r) {
  Line(fmt::format("[\"kernel\",{},{},{},{},{},{},[{},{},{}],[{},{},{}],{},{}]", NameNumber(r.name),
                   r.start_ns, r.end_ns, r.device, r.stream, r.correlation, r.grid[0], r.grid[1], r.grid[2],
                   r.block[0], r.block[1], r.block[2], r.registers,
                   r.static_shared_bytes + r.dynamic_shared_bytes));
}

void KernelLogWriter::operator()(const cupti::MemcpyRecord& r) {
  Line(fmt::format("[\"memcpy\",{},{},{},{},{},{},{}]",
                   NameNumber(fmt::format("Memcpy {}", cupti::CopyKindName(r.copy_kind))), r.bytes,
                   r.start_ns, r.end_ns, r.device, r.stream, r.correlation));
}

void KernelLogWriter::operator()(const cupti::MemsetRecord& r) {
  Line(fmt::format("[\"memset\",{},{},{},{},{},{},{}]", NameNumber("Memset"), r.bytes, r.start_ns, r.end_ns,
                   r.device, r.stream, r.correlation));
}

void KernelLogWriter::operator()(const cupti::MarkerRecord& r) {
  if (r.type == cupti::MarkerRecord::Type::kStart) {
    open_[r.id] = {NameNumber(r.name), r.thread, r.time_ns};
  } else if (r.type == cupti::MarkerRecord::Type::kEnd) {
    const auto it = open_.find(r.id);
    if (it == open_.end()) return;  // began before recording did
    Line(fmt::format("[\"range\",{},{},{},{}]", it->second.name, it->second.thread, it->second.start_ns,
                     r.time_ns));
    open_.erase(it);
  }
}

void KernelLogWriter::operator()(const cupti::ApiRecord& r) {
  Line(fmt::format("[\"launch\",{},{},{}]", r.correlation, r.thread, r.start_ns));
}

void KernelLogWriter::operator()(const cupti::EnvironmentRecord& r) {
  if (!r.sm_mhz) return;
  Line(fmt::format("[\"clock\",{},{},{},{}]", r.time_ns, *r.sm_mhz, r.memory_mhz.value_or(0),
                   Quoted(cupti::ThrottleText(r.throttle_reasons.value_or(0)))));
}

}  // namespace orrery::profiler
