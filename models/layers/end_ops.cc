#include "models/layers/end_ops.h"

#include <algorithm>

#include "models/layers/kernels.h"
#include "models/layers/linear_ops.h"
#include "models/layers/norm_ops.h"

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

void AppendHeadForwardGemm(const ModelSpec& spec, std::int64_t tokens, std::vector<Op>* ops) {
  ops->push_back(kernel::GemmBf16(tokens, spec.vocabulary, spec.hidden, "head fprop"));
  ops->push_back(CrossEntropy(spec, tokens));
}

Op HeadDgrad(const ModelSpec& spec, std::int64_t tokens) {
  return kernel::GemmBf16(tokens, spec.hidden, spec.vocabulary, "head dgrad");
}

Op HeadWgrad(const ModelSpec& spec, std::int64_t tokens) {
  return kernel::GemmBf16(spec.vocabulary, spec.hidden, tokens, "head wgrad");
}

bool Chunked(const TrainingShape& shape, const HeadShape& head) {
  return head.chunk_tokens > 0 && head.chunk_tokens < shape.tokens;
}

void AppendChunks(const ModelSpec& spec, const TrainingShape& shape, std::int64_t chunk,
                  std::vector<Op>* ops) {
  for (std::int64_t done = 0; done < shape.tokens; done += chunk) {
    const std::int64_t tokens = std::min(chunk, shape.tokens - done);
    AppendHeadForwardGemm(spec, tokens, ops);
    ops->push_back(HeadDgrad(spec, tokens));
    ops->push_back(HeadWgrad(spec, tokens));
  }
}

Linear MtpProjection(const ModelSpec& spec) {
  return {"mtp projection", 2 * std::int64_t{spec.hidden}, spec.hidden};
}

void AppendMtpInput(const ModelSpec& spec, std::int64_t tokens, const std::string& suffix,
                    std::vector<Op>* ops) {
  ops->push_back(kernel::RmsNorm(tokens, spec.hidden, "mtp hidden norm" + suffix));
  ops->push_back(kernel::RmsNorm(tokens, spec.hidden, "mtp embedding norm" + suffix));
  ops->push_back(kernel::Copy(tokens, std::int64_t{2} * spec.hidden, "mtp concatenation" + suffix));
}

}  // namespace

std::vector<Op> EmbeddingOps(const ModelSpec& spec, Pass pass, const TrainingShape& shape) {
  if (pass == Pass::kForward) return {EmbeddingLookup(spec, shape.tokens, "embedding")};
  if (pass == Pass::kWeight) return {EmbeddingGradient(spec, shape.tokens, "embedding gradient")};
  return {};
}

std::vector<Op> HeadOps(const ModelSpec& spec, Pass pass, const TrainingShape& shape, const HeadShape& head) {
  std::vector<Op> ops;
  const bool chunked = Chunked(shape, head);
  if (pass == Pass::kForward) {
    ops.push_back(kernel::RmsNorm(shape.tokens, spec.hidden, "final norm"));
    if (chunked) AppendChunks(spec, shape, head.chunk_tokens, &ops);
    if (!chunked) AppendHeadForwardGemm(spec, shape.tokens, &ops);
  } else if (pass == Pass::kInputBackward) {
    if (!chunked && shape.recompute_norms) {
      ops.push_back(kernel::RmsNorm(shape.tokens, spec.hidden, "final norm recompute"));
    }
    if (!chunked) ops.push_back(HeadDgrad(spec, shape.tokens));
    AppendNormBackward(shape.tokens, spec.hidden, "final norm", &ops);
  } else if (!chunked) {
    ops.push_back(HeadWgrad(spec, shape.tokens));
  }
  return ops;
}

Bytes LogitsBytes(const ModelSpec& spec, const TrainingShape& shape, const HeadShape& head) {
  const std::int64_t tokens = Chunked(shape, head) ? head.chunk_tokens : shape.tokens;
  return {kBf16 * tokens * spec.vocabulary};
}

std::vector<Op> MtpProjectionOps(const ModelSpec& spec, Pass pass, const TrainingShape& shape) {
  std::vector<Op> ops;
  const Linear projection = MtpProjection(spec);
  if (pass == Pass::kForward) {
    ops.push_back(EmbeddingLookup(spec, shape.tokens, "mtp embedding"));
    AppendMtpInput(spec, shape.tokens, "", &ops);
    AppendFprop(projection, shape.tokens, shape.fp8, Operand::kBf16, "fprop", &ops);
  } else if (pass == Pass::kInputBackward) {
    if (shape.recompute_norms) AppendMtpInput(spec, shape.tokens, " recompute", &ops);
    AppendDgrad(projection, shape.tokens, shape.fp8, Operand::kBf16, &ops);
    AppendWgradOperands(projection, shape.tokens, shape.fp8, Operand::kBf16, &ops);
    AppendNormBackward(shape.tokens, spec.hidden, "mtp hidden norm", &ops);
    AppendNormBackward(shape.tokens, spec.hidden, "mtp embedding norm", &ops);
  } else {
    AppendWgrad(projection, shape.tokens, shape.fp8, &ops);
    ops.push_back(EmbeddingGradient(spec, shape.tokens, "mtp embedding gradient"));
  }
  return ops;
}

}  // namespace orrery::models
