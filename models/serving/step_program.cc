#include "models/serving/step_program.h"

#include <array>

namespace orrery::models {
namespace {

constexpr std::array<std::string_view, kServedParts> kPartNames = {
    "host",         "embedding", "dense layer",     "ATTN-0",    "ATTN-1",
    "SHARED",       "MLP",       "dispatch send",   "dispatch",  "dispatch receive",
    "combine send", "combine",   "combine receive", "MTP input", "head",
    "sampling"};

/// Appends steps to a program; a step on one stream may wait for all that stands so far on the other.
class Steps {
 public:
  void Compute(ServedPart part, int layer, int micro_batch) {
    Add(kComputeStream, StepType::kWork, part, layer, micro_batch);
  }
  std::uint32_t Done(int stream) const { return static_cast<std::uint32_t>(Stream(stream).size()); }

  ProgramStep& Add(int stream, StepType type, ServedPart part, int layer, int micro_batch) {
    ProgramStep step;
    step.type = type;
    step.price = static_cast<std::uint32_t>(part);
    step.instance = StepInstance(layer, micro_batch);
    step.task = static_cast<std::uint32_t>(layer);
    auto& steps = program.streams[static_cast<std::size_t>(stream)];
    steps.push_back(step);
    return steps.back();
  }

  Program program;

 private:
  const std::vector<ProgramStep>& Stream(int stream) const {
    return program.streams[static_cast<std::size_t>(stream)];
  }
};

class Decode : Steps {
 public:
  explicit Decode(const StepShape& shape) : s_(shape) {
    program.roles = {};
    program.roles[kExchangeStream].port = Port::kNic;
  }

  Program Build() {
    Compute(ServedPart::kHost, 0, 0);
    OfEach(ServedPart::kEmbedding, 0);
    for (int l = 0; l < s_.dense_layers; ++l) OfEach(ServedPart::kDenseLayer, 0);
    if (s_.moe_layers > 0) Layers(0, s_.moe_layers);
    Ends(0);
    for (int m = 0; m < s_.mtp_modules; ++m) {
      const int layer = s_.moe_layers + m;
      OfEach(ServedPart::kMtpInput, layer);
      if (s_.moe_layers > 0)
        Layers(layer, layer + 1);
      else
        OfEach(ServedPart::kDenseLayer, layer);
      Ends(layer);
    }
    program.tasks = static_cast<std::uint32_t>(s_.KeyedLayers());
    return std::move(program);
  }

 private:
  void OfEach(ServedPart part, int layer) {
    for (int m = 0; m < s_.micro_batches; ++m) Compute(part, layer, m);
  }
  void Ends(int layer) {
    OfEach(ServedPart::kHead, layer);
    OfEach(ServedPart::kSampling, layer);
  }

  void Layers(int first, int end) {
    Compute(ServedPart::kAttentionInput, first, 0);
    Compute(ServedPart::kAttentionCore, first, 0);
    for (int l = first; l < end; ++l) s_.micro_batches == 2 ? Both(l, l + 1 < end) : One(l, l + 1 < end);
  }

  /// Five stages, twice. `more`: another layer follows, whose attention of micro-batch 0 is in this one's second half.
  void Both(int l, bool more) {
    for (const int m : {0, 1}) {
      const int other = 1 - m, other_layer = l + m;
      const bool other_runs = m == 0 || more;
      Send(ServedPart::kDispatchSend, ServedPart::kDispatch, l, m);
      Compute(ServedPart::kShared, l, m);
      if (other_runs) Compute(ServedPart::kAttentionInput, other_layer, other);
      Receive(ServedPart::kDispatchReceive, l, m);
      Compute(ServedPart::kExperts, l, m);
      Send(ServedPart::kCombineSend, ServedPart::kCombine, l, m);
      if (other_runs) Compute(ServedPart::kAttentionCore, other_layer, other);
      Receive(ServedPart::kCombineReceive, l, m);
    }
  }

  void One(int l, bool more) {
    Send(ServedPart::kDispatchSend, ServedPart::kDispatch, l, 0);
    Compute(ServedPart::kShared, l, 0);
    Receive(ServedPart::kDispatchReceive, l, 0);
    Compute(ServedPart::kExperts, l, 0);
    Send(ServedPart::kCombineSend, ServedPart::kCombine, l, 0);
    Receive(ServedPart::kCombineReceive, l, 0);
    if (!more) return;
    Compute(ServedPart::kAttentionInput, l + 1, 0);
    Compute(ServedPart::kAttentionCore, l + 1, 0);
  }

  void Send(ServedPart kernel, ServedPart flight, int l, int m) {
    if (!s_.exchanges) return;
    Compute(kernel, l, m);
    const std::uint32_t sent = Done(kComputeStream);
    Add(kExchangeStream, StepType::kPost, flight, l, m).wait_done[kComputeStream] = sent;
  }
  void Receive(ServedPart kernel, int l, int m) {
    if (s_.exchanges) Add(kComputeStream, StepType::kAwait, kernel, l, m);
  }

  StepShape s_;
};

class Prefill : Steps {
 public:
  explicit Prefill(const StepShape& shape) : s_(shape) { program.roles = ComputeExchangeSend(); }

  Program Build() {
    Compute(ServedPart::kHost, 0, 0);
    OfEach(ServedPart::kEmbedding, 0);
    for (int l = 0; l < s_.dense_layers; ++l) OfEach(ServedPart::kDenseLayer, 0);
    if (s_.moe_layers > 0) Layers(0, s_.moe_layers);
    OfEachCombined(ServedPart::kHead, 0);
    OfEach(ServedPart::kSampling, 0);
    for (int m = 0; m < s_.mtp_modules; ++m) {
      const int layer = s_.moe_layers + m;
      OfEachCombined(ServedPart::kMtpInput, layer);
      if (s_.moe_layers > 0)
        Layers(layer, layer + 1);
      else
        OfEach(ServedPart::kDenseLayer, layer);
    }
    program.tasks = static_cast<std::uint32_t>(s_.KeyedLayers());
    return std::move(program);
  }

 private:
  void OfEach(ServedPart part, int layer) {
    for (int m = 0; m < s_.micro_batches; ++m) Compute(part, layer, m);
  }
  /// Of what reads the output of the layers before.
  void OfEachCombined(ServedPart part, int layer) {
    for (int m = 0; m < s_.micro_batches; ++m) After(combined_[static_cast<std::size_t>(m)], part, layer, m);
  }
  void Attention(int l, int m) {
    After(combined_[static_cast<std::size_t>(m)], ServedPart::kAttentionInput, l, m);
    Compute(ServedPart::kAttentionCore, l, m);
  }
  /// On the compute stream, once so many exchanges are through.
  void After(std::uint32_t exchanges, ServedPart part, int l, int m) {
    Add(kComputeStream, StepType::kWork, part, l, m).wait_done[kExchangeStream] = exchanges;
  }
  /// On the exchange stream, behind all that is on the compute stream so far. Returns how many exchanges there are then.
  std::uint32_t Exchange(ServedPart part, int l, int m) {
    if (!s_.exchanges) return 0;
    const std::uint32_t computed = Done(kComputeStream);
    Add(kExchangeStream, StepType::kExchange, part, l, m).wait_done[kComputeStream] = computed;
    return Done(kExchangeStream);
  }

  void Layers(int first, int end) {
    for (int l = first; l < end; ++l) s_.micro_batches == 2 ? Both(l, l > first) : One(l);
    if (s_.micro_batches == 2) After(combined_[1], ServedPart::kShared, end - 1, 1);
  }

  void Both(int l, bool behind_another) {
    Attention(l, 0);
    const std::uint32_t first = Exchange(ServedPart::kDispatch, l, 0);
    if (behind_another) Compute(ServedPart::kShared, l - 1, 1);
    Attention(l, 1);
    const std::uint32_t second = Exchange(ServedPart::kDispatch, l, 1);
    After(first, ServedPart::kExperts, l, 0);
    combined_[0] = Exchange(ServedPart::kCombine, l, 0);
    After(second, ServedPart::kExperts, l, 1);
    combined_[1] = Exchange(ServedPart::kCombine, l, 1);
    Compute(ServedPart::kShared, l, 0);
  }

  void One(int l) {
    Attention(l, 0);
    const std::uint32_t there = Exchange(ServedPart::kDispatch, l, 0);
    Compute(ServedPart::kShared, l, 0);
    After(there, ServedPart::kExperts, l, 0);
    combined_[0] = Exchange(ServedPart::kCombine, l, 0);
  }

  StepShape s_;
  std::array<std::uint32_t, 2>
      combined_{};  ///< exchanges that are through when a micro-batch's last combine is
};

}  // namespace

std::string_view Name(ServedPart part) { return kPartNames[static_cast<std::size_t>(part)]; }

Program DecodeProgram(const StepShape& shape) { return Decode(shape).Build(); }
Program PrefillProgram(const StepShape& shape) { return Prefill(shape).Build(); }

}  // namespace orrery::models
