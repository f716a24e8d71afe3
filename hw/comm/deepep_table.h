// Measured expert-parallel exchange kernels: hw/data/<device>/deepep-<version>.yaml.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/units.h"
#include "core/config/document.h"
#include "hw/device.h"

namespace orrery::hw {

/// The four exchanges of a DualPipe layer pair. DeepEP runs the backward of a combine as a dispatch over the
/// cached layout, and the backward of a dispatch as a combine of gradients.
enum class ExchangeKind : std::uint8_t { kDispatch, kDispatchCached, kCombineBackward, kCombine };
constexpr int kExchangeKindCount = 4;
std::string_view Name(ExchangeKind kind);
/// From tokens to experts, in FP8 or BF16 (true), or from experts to tokens, always in BF16.
constexpr bool IsDispatch(ExchangeKind kind) { return kind <= ExchangeKind::kDispatchCached; }

/// Bytes of one (token, node) or (token, GPU) pair.
struct PairBytes {
  Bytes payload;  ///< what DeepEP's published rates count
  Bytes wire;     ///< with source, indexes and weights, aligned to 16 B: what crosses a port
};

/// A normal kernel's pair: DeepEP csrc get_num_bytes_per_token. `hidden` is a multiple of 128.
/// `fp8_dispatch`: dispatches carry FP8 with its scales, as in the published tables; else BF16 without
/// scales, as a training in BF16 sends (DeepEP takes either tensor: deep_ep/buffer.py, Buffer.dispatch).
PairBytes NormalPairBytes(ExchangeKind kind, int hidden, int top_k, bool fp8_dispatch = true);
/// A low-latency kernel's (token, expert) pair: FP8 with scales and a 16 B header, or BF16.
Bytes LowLatencyPairBytes(ExchangeKind kind, int hidden);

/// Where the tokens of an exchange go, on average.
struct FanOut {
  int ranks = 8;
  double nodes_per_token = 1;  ///< distinct nodes, the own one included
  double ranks_per_token = 1;  ///< distinct GPUs, the own one included
};

struct NormalRow {
  std::string id;
  FanOut fan_out;
  BytesPerSecond dispatch, combine;  ///< logical rates: see LogicalBytes
  Place place{};
};

struct BesideRow {
  ExchangeKind kind{};
  Place place;
  Time time{}, least{}, greatest{};
};

/// The exchange measured while compute kernels ran on the other SMs.
struct BesideTable {
  std::string source;
  int tokens = 0;
  FanOut fan_out;
  std::vector<BesideRow> rows;  ///< one a kind
};

struct LowLatencyRow {
  std::string id;
  int ranks = 8;
  Time dispatch{}, combine{};
  bool held_out = false;  ///< judges the fit, does not feed it
};

struct DeepEpTable {
  std::string device, version, source;
  MeasuredOn measured_on;  ///< links of the measured machine
  int hidden = 0, top_k = 0;
  int normal_tokens = 0;
  std::vector<NormalRow> normal;
  std::string
      beside_from;  ///< version whose slow-down is carried over; empty if `beside` is this version's own
  std::optional<BesideTable> beside;
  int low_latency_tokens = 0;
  bool low_latency_scale_up = false;  ///< pairs inside a node go over scale-up
  std::vector<LowLatencyRow> low_latency;
};

/// GPUs a node of the measured machines.
constexpr int kDeepEpRanksPerNode = 8;

/// Bytes over which a published rate is reckoned: payload of every (token, node) pair, the own node's too, or
/// of every (token, GPU) pair where there is but one node.
double LogicalBytes(const PairBytes& pair, const FanOut& fan_out, int tokens);

DeepEpTable ReadDeepEpTable(const Value& root);
/// Versions of which `device` has a table, oldest first, e.g. {"2025-02", "2025-04"}.
std::vector<std::string> DeepEpVersions(const std::string& device);
/// InputError naming the known versions.
DeepEpTable LoadDeepEpTable(const std::string& device, const std::string& version);

/// The table of `version` that prices exchanges on a device: its own or, where it has none, the reference
/// device's.
struct ExchangeSource {
  DeepEpTable table;
  Device measured;   ///< the device as it was when the table was measured
  bool own = false;  ///< measured on this device, with the links that it has now
};
/// InputError naming the known versions.
ExchangeSource FindExchangeSource(const Device& device, const std::string& version);
/// A line for reports: "DeepEP 2025-02 on h800-sxm: ...".
std::string SourceText(const ExchangeSource& source, const Device& device);

}  // namespace orrery::hw
