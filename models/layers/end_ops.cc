#include "models/layers/end_ops.h"

#include <algorithm>

#include "models/layers/kernels.h"
#include "models/layers/linear_ops.h"
#include "models/layers/norm_ops.h"
#include "models/layers/op_list.h"

namespace orrery::models {
namespace {

constexpr std::int64_t kBf16 = 2;

Op EmbeddingLookup(const ModelSpec& spec, std::int64_t tokens, std::string label) {
  return kernel::Rows(OpKind::kEmbedding, tokens, spec.hidden, std::move(label));
}

Op EmbeddingGradient(const ModelSpec& spec, std::int64_t tokens, std::string label) {
  return kernel::Rows(OpKind::kEmbeddingBackward, tokens, spec.hidden, std::move(label));
}

Op CrossEntropy(const ModelSpec& spec, std::int64_t tokens) {
  return kernel::Rows(OpKind::kCrossEntropy, tokens, spec.vocabulary, "head cross-entropy");
}

/// Rows of logits: in a prefill only the last token of each sequence is sampled from.
std::int64_t LogitRows(Pass pass, const LayerShape& shape) {
  return pass == Pass::kPrefill ? shape.batch.count() : shape.tokens();
}

void AppendHeadForwardGemm(const ModelSpec& spec, std::int64_t tokens, int tensor, bool loss, OpList* ops) {
  ops->push_back(kernel::GemmBf16(tokens, CeilDiv(spec.vocabulary, tensor), spec.hidden, "head fprop"));
  if (loss) ops->push_back(CrossEntropy(spec, tokens));
}

Op HeadDgrad(const ModelSpec& spec, std::int64_t tokens) {
  return kernel::GemmBf16(tokens, spec.hidden, spec.vocabulary, "head dgrad");
}

Op HeadWgrad(const ModelSpec& spec, std::int64_t tokens) {
  return kernel::GemmBf16(spec.vocabulary, spec.hidden, tokens, "head wgrad");
}

bool Chunked(const LayerShape& shape, const HeadShape& head) {
  return head.chunk_tokens > 0 && head.chunk_tokens < shape.tokens();
}

void AppendChunks(const ModelSpec& spec, const LayerShape& shape, std::int64_t chunk, OpList* ops) {
  for (std::int64_t done = 0; done < shape.tokens(); done += chunk) {
    const std::int64_t tokens = std::min(chunk, shape.tokens() - done);
    AppendHeadForwardGemm(spec, tokens, 1, true, ops);
    ops->push_back(HeadDgrad(spec, tokens));
    ops->push_back(HeadWgrad(spec, tokens));
  }
}

void AppendMtpInput(const ModelSpec& spec, std::int64_t tokens, const std::string& suffix, OpList* ops) {
  ops->push_back(kernel::RmsNorm(tokens, spec.hidden, "mtp hidden norm" + suffix));
  ops->push_back(kernel::RmsNorm(tokens, spec.hidden, "mtp embedding norm" + suffix));
  ops->push_back(kernel::Copy(tokens, std::int64_t{2} * spec.hidden, "mtp concatenation" + suffix));
}

LinearPass OverTokens(Pass pass, const LayerShape& shape) {
  return {shape.tokens(), shape.fp8(), !IsInference(pass)};
}

}  // namespace

std::vector<PlacedOp> EmbeddingOps(const ModelSpec& spec, Pass pass, const LayerShape& shape) {
  OpList ops;
  ops.set_block(Block::kEmbedding);
  if (pass == Pass::kForward || IsInference(pass))
    ops.push_back(EmbeddingLookup(spec, shape.tokens(), "embedding"));
  if (pass == Pass::kWeightGradient)
    ops.push_back(EmbeddingGradient(spec, shape.tokens(), "embedding gradient"));
  return ops.Take();
}

std::vector<PlacedOp> HeadOps(const ModelSpec& spec, Pass pass, const LayerShape& shape,
                              const HeadShape& head) {
  OpList ops;
  ops.set_block(Block::kHead);
  const bool chunked = Chunked(shape, head), loss = !IsInference(pass);
  const std::int64_t rows = LogitRows(pass, shape);
  if (pass == Pass::kWeightGradient) {
    if (!chunked) ops.push_back(HeadWgrad(spec, rows));
  } else if (pass == Pass::kInputGradient) {
    if (!chunked && shape.savings.recompute_norms)
      ops.push_back(kernel::RmsNorm(rows, spec.hidden, "final norm recompute"));
    if (!chunked) ops.push_back(HeadDgrad(spec, rows));
    AppendNormBackward(rows, spec.hidden, "final norm", &ops);
  } else {
    AppendNorm(shape.shard, rows, spec.hidden, "final norm", &ops);
    if (chunked && loss) AppendChunks(spec, shape, head.chunk_tokens, &ops);
    if (!chunked || !loss) AppendHeadForwardGemm(spec, rows, shape.shard.tensor, loss, &ops);
  }
  return ops.Take();
}

Bytes LogitsBytes(const ModelSpec& spec, const LayerShape& shape, const HeadShape& head) {
  const std::int64_t tokens = Chunked(shape, head) ? head.chunk_tokens : shape.tokens();
  return {kBf16 * tokens * spec.vocabulary};
}

std::vector<PlacedOp> MtpProjectionOps(const ModelSpec& spec, Pass pass, const LayerShape& shape) {
  OpList ops;
  ops.set_block(Block::kMtp);
  const Linear projection = MtpProjection(spec);
  const LinearPass over = OverTokens(pass, shape);
  if (pass == Pass::kInputGradient) {
    if (shape.savings.recompute_norms) AppendMtpInput(spec, over.tokens, " recompute", &ops);
    AppendDgrad(projection, over, Operand::kBf16, &ops);
    AppendWgradOperands(projection, over, Operand::kBf16, &ops);
    AppendNormBackward(over.tokens, spec.hidden, "mtp hidden norm", &ops);
    AppendNormBackward(over.tokens, spec.hidden, "mtp embedding norm", &ops);
  } else if (pass == Pass::kWeightGradient) {
    AppendWgrad(projection, over, &ops);
    ops.push_back(EmbeddingGradient(spec, over.tokens, "mtp embedding gradient"));
  } else {
    ops.push_back(EmbeddingLookup(spec, over.tokens, "mtp embedding"));
    AppendMtpInput(spec, over.tokens, "", &ops);
    AppendFprop(projection, over, Operand::kBf16, "fprop", &ops);
  }
  return ops.Take();
}

}  // namespace orrery::models
