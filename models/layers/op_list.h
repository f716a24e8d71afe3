// The list that the sublayers write their kernels to.
#pragma once

#include <utility>
#include <vector>

#include "models/layers/layer.h"

namespace orrery::models {

class OpList {
 public:
  OpList() { ops_.reserve(kMostOps); }
  void set_block(Block block) { block_ = block; }
  Block block() const { return block_; }
  void push_back(Op op) { ops_.push_back({std::move(op), 1, block_}); }
  std::size_t size() const { return ops_.size(); }
  std::vector<PlacedOp> Take() { return std::move(ops_); }

 private:
  static constexpr std::size_t kMostOps = 64;  ///< of half a layer, about

  std::vector<PlacedOp> ops_;
  Block block_ = Block::kAttention;
};

/// Puts what is added while it lives under another block.
class InBlock {
 public:
  InBlock(OpList* ops, Block block) : ops_(ops), before_(ops->block()) { ops->set_block(block); }
  ~InBlock() { ops_->set_block(before_); }
  InBlock(const InBlock&) = delete;
  InBlock& operator=(const InBlock&) = delete;

 private:
  OpList* ops_;
  Block before_;
};

/// What a sublayer's list is written for.
struct SublayerContext {
  const ModelSpec& spec;
  const AttentionSpec& attention;
  RopeMode rope;
  MlaDecode decode;
  LayerKind kind;
  Pass pass;
  const LayerShape& shape;
  const RecurrenceSpec* recurrence = nullptr;  ///< of the layer's mixer
  bool beside_attention = false;               ///< the recurrence reads what attention's norm wrote

  bool inference() const { return IsInference(pass); }
};

void AppendLatentAttention(const SublayerContext& context, OpList* ops);
void AppendGroupedAttention(const SublayerContext& context, OpList* ops);
void AppendRecurrence(const SublayerContext& context, OpList* ops);
void AppendFeedForwardInput(const SublayerContext& context, OpList* ops);
void AppendDense(const SublayerContext& context, OpList* ops);
void AppendExperts(const SublayerContext& context, OpList* ops);
void AppendRouter(const SublayerContext& context, OpList* ops);

}  // namespace orrery::models
