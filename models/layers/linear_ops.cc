#include "models/layers/linear_ops.h"

#include "models/layers/kernels.h"

namespace orrery::models {

void AppendFprop(const Linear& linear, const LinearPass& pass, Operand input, const std::string& what,
                 OpList* ops) {
  const std::string label = linear.name + " " + what;
  const std::int64_t tokens = pass.tokens;
  if (!pass.fp8) {
    ops->push_back(kernel::GemmBf16(tokens, linear.out, linear.in, label));
    return;
  }
  if (input == Operand::kBf16) ops->push_back(kernel::Cast(tokens, linear.in, label + " input cast"));
  if (pass.transposes_scales)
    ops->push_back(kernel::ScaleTranspose(tokens, linear.in, label + " scale transpose"));
  ops->push_back(kernel::GemmFp8(tokens, linear.out, linear.in, label));
}

void AppendDgrad(const Linear& linear, const LinearPass& pass, Operand gradient, OpList* ops) {
  const std::string label = linear.name + " dgrad";
  const std::int64_t tokens = pass.tokens;
  if (!pass.fp8) {
    ops->push_back(kernel::GemmBf16(tokens, linear.in, linear.out, label));
    return;
  }
  ops->push_back(kernel::TransposeWeight(linear.out, linear.in, 1, label + " weight transpose"));
  if (gradient == Operand::kBf16) ops->push_back(kernel::Cast(tokens, linear.out, label + " gradient cast"));
  ops->push_back(kernel::ScaleTranspose(tokens, linear.out, label + " scale transpose"));
  ops->push_back(kernel::GemmFp8(tokens, linear.in, linear.out, label));
}

void AppendWgradOperands(const Linear& linear, const LinearPass& pass, Operand gradient, OpList* ops) {
  if (!pass.fp8) return;
  const std::int64_t tokens = pass.tokens;
  const std::string label = linear.name + " wgrad";
  ops->push_back(
      gradient == Operand::kBf16
          ? kernel::CastTranspose(tokens, linear.out, label + " gradient cast-transpose")
          : kernel::RequantizeTranspose(tokens, linear.out, label + " gradient requantize-transpose"));
  ops->push_back(kernel::CastTranspose(tokens, linear.in, label + " input cast-transpose"));
}

void AppendWgrad(const Linear& linear, const LinearPass& pass, OpList* ops) {
  const std::string label = linear.name + " wgrad";
  const std::int64_t tokens = pass.tokens;
  ops->push_back(pass.fp8 ? kernel::GemmFp8Wgrad(linear.out, linear.in, tokens, label)
                          : kernel::GemmBf16(linear.out, linear.in, tokens, label));
}

}  // namespace orrery::models
