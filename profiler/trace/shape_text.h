// Shapes in the text of ranges and operators. Three grammars:
//
//   orrery:KIND key=value ...           written for us, in an NVTX range or record_function around the launches:
//     orrery:gemm_fp8 m=4096 n=7168 k=2048 label=q_b
//     orrery:attention_decode batch=128 heads=128 kv_heads=1 q_len=1 kv_len=4096 d_qk=576 d_v=512 causal=0
//     orrery:rms_norm rows=4096 cols=7168 bytes=117440512
//   NAME, seq = N, op_id = N, sizes = [[4096, 7168], [7168, 2048]], input_op_ids = [...]
//                                       PyTorch's emit_nvtx(record_shapes=True); seq, op_id and input_op_ids may lack
//   [[4096, 7168], [7168, 2048], []]    "Input Dims" of a Kineto operator, beside its name
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/op/op.h"

namespace orrery::profiler {

/// What a range says of the work launched in it.
struct ShapedWork {
  OpKind kind{};
  OpShape shape{};
  Bytes bytes{};      ///< compulsory traffic: as given, else by formula
  std::string label;  ///< "q_b", or the kind's or the operator's name
};

/// Whether the text claims to be of the first grammar.
bool IsOrreryRange(std::string_view text);
/// KIND is a name of core/op/op.h. Keys: m n k [groups]; batch heads kv_heads q_len kv_len d_qk d_v [causal];
/// rows cols [bytes]; and label, a word. Absent if anything is missing, unknown, no whole number from 1 to
/// 2^40, or twice, or if the kind has no formula for bytes and none are given; `why` says what.
std::optional<ShapedWork> ParseOrreryRange(std::string_view text, std::string* why);

using Sizes = std::vector<std::vector<std::int64_t>>;
/// "[[4096, 7168], [], [[1], [2]]]": an operand that is a list of tensors counts as none. Absent if it is not
/// that.
std::optional<Sizes> ParseSizes(std::string_view text);

/// An operator call by name and operand sizes.
struct OperatorCall {
  std::string name;
  Sizes sizes;
};
/// Whether the text claims to be of the second grammar.
bool IsOperatorRange(std::string_view text);
/// Whether it begins as the name of an operator does, "aten::copy_": what is inside is that operator's, with
/// sizes or without.
bool NamesAnOperator(std::string_view text);
std::optional<OperatorCall> ParseOperatorRange(std::string_view text);

/// What the operator computes in the shape's terms, if it is in the table (shape_text.cc) and its sizes fit.
/// GEMMs get their kind from the kernel that ran: its type is not in the text.
struct OperatorShape {
  bool is_gemm = false;
  bool block_scaled =
      true;       ///< of FP8 GEMMs: a scale per row and 128 of k, as the kinds of core/op/op.h have it
  OpKind kind{};  ///< of memory-bound operators
  OpShape shape{};
};
std::optional<OperatorShape> ShapeOfOperator(const OperatorCall& call);
/// Whether the table has the operator.
bool KnowsOperator(std::string_view name);

}  // namespace orrery::profiler
