#ifndef ORRERY_NO_CUDNN
#include "profiler/device/workloads/prefill_graph.h"

#include <algorithm>

#include "profiler/device/runtime/cuda_support.h"
#include "profiler/device/workloads/workload.h"

namespace orrery::profiler {
namespace {

using Dims = std::vector<std::int64_t>;
using Tensor = cudnnBackendDescriptor_t;
using T = PrefillTensor;

constexpr std::int64_t kFirstVirtual = 100;  // above the ids of PrefillTensor
constexpr auto kBf16 = CUDNN_DATA_BFLOAT16;
constexpr auto kFp32 = CUDNN_DATA_FLOAT;
// CUDNN_ATTR_OPERATIONGRAPH_HANDLE and CUDNN_ATTR_EXECUTION_PLAN_HANDLE: what every release of cuDNN 9 takes;
// their names are deprecated for the properties, which older releases do not run a plan with.
constexpr int kGraphHandle = 800;
constexpr int kPlanHandle = 400;

Dims Packed(const Dims& d) { return {d[1] * d[2] * d[3], d[2] * d[3], d[3], 1}; }
/// The last two dimensions change places, in the description alone.
Dims Turned(Dims d) {
  std::swap(d[2], d[3]);
  return d;
}

/// Collects descriptors; everything stays alive in `parts` until the plan is made.
class GraphBuilder {
 public:
  explicit GraphBuilder(std::vector<CudnnDescriptor>* parts) : parts_(parts) {}

  Tensor Real(T name, const Dims& dims, const Dims& strides, cudnnDataType_t type) {
    return AddTensor(static_cast<std::int64_t>(name), dims, strides, type, false, false);
  }
  Tensor Scalar(T name) {
    return AddTensor(static_cast<std::int64_t>(name), {1, 1, 1, 1}, {1, 1, 1, 1}, kFp32, false, true);
  }
  Tensor Virtual(const Dims& dims, const Dims& strides, cudnnDataType_t type = kFp32) {
    return AddTensor(next_virtual_++, dims, strides, type, true, false);
  }
  Tensor Virtual(const Dims& dims, cudnnDataType_t type = kFp32) { return Virtual(dims, Packed(dims), type); }

  void Matmul(Tensor a, Tensor b, Tensor c) {
    CudnnDescriptor product(CUDNN_BACKEND_MATMUL_DESCRIPTOR);
    product.Set(CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, kFp32).Finalize();
    CudnnDescriptor op(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
    op.Link(CUDNN_ATTR_OPERATION_MATMUL_DESC, product);
    Attach(op, CUDNN_ATTR_OPERATION_MATMUL_ADESC, a);
    Attach(op, CUDNN_ATTR_OPERATION_MATMUL_BDESC, b);
    Attach(op, CUDNN_ATTR_OPERATION_MATMUL_CDESC, c);
    parts_->push_back(std::move(product));
    AddOperation(std::move(op));
  }

  /// y = mode(x, b), where b and a selecting t may be absent.
  Tensor Pointwise(cudnnPointwiseMode_t mode, Tensor x, Tensor b, Tensor y, cudnnDataType_t precision = kFp32,
                   Tensor t = nullptr, std::int64_t axis = -1) {
    CudnnDescriptor function(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    function.Set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, mode);
    function.Set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, precision);
    if (axis >= 0) function.Set(CUDNN_ATTR_POINTWISE_AXIS, CUDNN_TYPE_INT64, axis);
    function.Finalize();
    CudnnDescriptor op(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    op.Link(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, function);
    Attach(op, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    if (b != nullptr) Attach(op, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b);
    if (t != nullptr) Attach(op, CUDNN_ATTR_OPERATION_POINTWISE_TDESC, t);
    Attach(op, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
    parts_->push_back(std::move(function));
    AddOperation(std::move(op));
    return y;
  }

  Tensor Reduce(cudnnReduceTensorOp_t mode, Tensor x, Tensor y) {
    CudnnDescriptor function(CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
    function.Set(CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, mode);
    function.Set(CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, kFp32).Finalize();
    CudnnDescriptor op(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
    op.Link(CUDNN_ATTR_OPERATION_REDUCTION_DESC, function);
    Attach(op, CUDNN_ATTR_OPERATION_REDUCTION_XDESC, x);
    Attach(op, CUDNN_ATTR_OPERATION_REDUCTION_YDESC, y);
    parts_->push_back(std::move(function));
    AddOperation(std::move(op));
    return y;
  }

  Tensor Reshape(Tensor x, Tensor y) {
    CudnnDescriptor op(CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR);
    Attach(op, CUDNN_ATTR_OPERATION_RESHAPE_XDESC, x);
    Attach(op, CUDNN_ATTR_OPERATION_RESHAPE_YDESC, y);
    AddOperation(std::move(op));
    return y;
  }

  CudnnDescriptor Finish(const CudnnDevice& device) {
    CudnnDescriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    device.Give(graph, kGraphHandle, 0);
    graph.SetMany(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, operations_.size(),
                  operations_.data());
    graph.Finalize();
    return graph;
  }

 private:
  static void Attach(CudnnDescriptor& op, cudnnBackendAttributeName_t name, Tensor tensor) {
    op.Set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, tensor);
  }

  Tensor AddTensor(std::int64_t id, const Dims& dims, const Dims& strides, cudnnDataType_t type,
                   bool is_virtual, bool by_value) {
    constexpr std::int64_t kAlignment = 16;  // of every pointer, in bytes
    CudnnDescriptor t(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    t.Set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, id);
    t.Set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, kAlignment);
    t.Set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, type);
    t.SetMany(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, dims.size(), dims.data());
    t.SetMany(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, strides.size(), strides.data());
    t.Set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, is_virtual);
    t.Set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, by_value);
    t.Finalize();
    parts_->push_back(std::move(t));
    return parts_->back().raw();
  }

  void AddOperation(CudnnDescriptor op) {
    op.Finalize();
    operations_.push_back(op.raw());
    parts_->push_back(std::move(op));
  }

  std::vector<CudnnDescriptor>* parts_;
  std::vector<Tensor> operations_;
  std::int64_t next_virtual_ = kFirstVirtual;
};

/// Dimensions cuDNN speaks of, [batch, heads, length, width], over memory of [batch, length, heads, width].
struct Extents {
  explicit Extents(const PrefillShape& s) : shape(s) {}
  const PrefillShape& shape;
  Dims Of(std::int64_t width) const { return {shape.batch, shape.heads, shape.length, width}; }
  Dims StridesOf(std::int64_t width) const {
    return {shape.length * shape.heads * width, width, shape.heads * width, 1};
  }
  Dims scores() const { return {shape.batch, shape.heads, shape.length, shape.length}; }
  Dims rows() const { return {shape.batch, shape.heads, shape.length, 1}; }
};

class PrefillGraph {
 public:
  PrefillGraph(const PrefillShape& shape, std::vector<CudnnDescriptor>* parts)
      : s_(shape), e_(shape), b_(parts) {}

  CudnnDescriptor Forward(const CudnnDevice& device) {
    const Tensor q = Operand(T::kQuery, s_.d_qk), k = Transposed(T::kKey, s_.d_qk);
    const Tensor v = Operand(T::kValue, s_.d_v), out = Operand(T::kOut, s_.d_v);
    const Tensor stats = Rows(T::kStats);
    const Tensor masked = Masked(Scaled(Scores(q, k), b_.Scalar(T::kScale)));
    const Tensor peak = b_.Reduce(CUDNN_REDUCE_TENSOR_MAX, masked, b_.Virtual(e_.rows()));
    const Tensor power = Unary(CUDNN_POINTWISE_EXP, Binary(CUDNN_POINTWISE_SUB, masked, peak));
    const Tensor sum = b_.Reduce(CUDNN_REDUCE_TENSOR_ADD, power, b_.Virtual(e_.rows()));
    const Tensor log = b_.Pointwise(CUDNN_POINTWISE_LOG, sum, nullptr, b_.Virtual(e_.rows()));
    b_.Pointwise(CUDNN_POINTWISE_ADD, peak, log, stats);
    const Tensor p = b_.Pointwise(CUDNN_POINTWISE_DIV, power, sum, b_.Virtual(e_.scores(), kBf16));
    b_.Matmul(p, v, out);
    return b_.Finish(device);
  }

  CudnnDescriptor Backward(const CudnnDevice& device) {
    const Tensor q = Operand(T::kQuery, s_.d_qk), kt = Transposed(T::kKey, s_.d_qk);
    const Tensor d_out = Operand(T::kDOut, s_.d_v);
    const Tensor delta = Delta(d_out);
    const Tensor scale = b_.Scalar(T::kScale);
    const Tensor shifted = Binary(CUDNN_POINTWISE_SUB, Scaled(Scores(q, kt), scale), Rows(T::kStats));
    const Tensor p = Unary(CUDNN_POINTWISE_EXP, Masked(shifted));
    ToKeys(p, d_out, T::kDValue, s_.d_v);
    const Tensor dp = b_.Virtual(e_.scores());
    b_.Matmul(d_out, Transposed(T::kValue, s_.d_v), dp);
    const Tensor centred = Binary(CUDNN_POINTWISE_SUB, dp, delta);
    const Tensor ds = Scaled(Binary(CUDNN_POINTWISE_MUL, centred, p), scale);
    ToKeys(ds, q, T::kDKey, s_.d_qk);
    ToQueries(ds, kt);
    return b_.Finish(device);
  }

 private:
  Tensor Operand(T name, std::int64_t width) {
    return b_.Real(name, e_.Of(width), e_.StridesOf(width), kBf16);
  }
  Tensor Transposed(T name, std::int64_t width) {
    return b_.Real(name, Turned(e_.Of(width)), Turned(e_.StridesOf(width)), kBf16);
  }
  Tensor Rows(T name) { return b_.Real(name, e_.rows(), Packed(e_.rows()), kFp32); }
  Tensor Scores(Tensor q, Tensor kt) {
    const Tensor scores = b_.Virtual(e_.scores());
    b_.Matmul(q, kt, scores);
    return scores;
  }
  Tensor Scaled(Tensor x, Tensor scale) { return Binary(CUDNN_POINTWISE_MUL, x, scale); }
  Tensor Binary(cudnnPointwiseMode_t mode, Tensor x, Tensor b) {
    return b_.Pointwise(mode, x, b, b_.Virtual(e_.scores()));
  }
  Tensor Unary(cudnnPointwiseMode_t mode, Tensor x) {
    return b_.Pointwise(mode, x, nullptr, b_.Virtual(e_.scores()));
  }
  /// Minus infinity where the key comes after the query.
  Tensor Masked(Tensor x) {
    const auto index = [&](std::int64_t axis) {
      return b_.Pointwise(CUDNN_POINTWISE_GEN_INDEX, x, nullptr, b_.Virtual(e_.scores(), CUDNN_DATA_INT32),
                          CUDNN_DATA_INT32, nullptr, axis);
    };
    const Tensor row = index(2), column = index(3);
    const Tensor seen = b_.Pointwise(CUDNN_POINTWISE_CMP_GE, row, column,
                                     b_.Virtual(e_.scores(), CUDNN_DATA_BOOLEAN), CUDNN_DATA_BOOLEAN);
    return b_.Pointwise(CUDNN_POINTWISE_BINARY_SELECT, x, b_.Scalar(T::kMinusInfinity),
                        b_.Virtual(e_.scores()), kFp32, seen);
  }
  /// Row sums of dO * O.
  Tensor Delta(Tensor d_out) {
    const Tensor product = b_.Virtual(e_.Of(s_.d_v), e_.StridesOf(s_.d_v));
    b_.Pointwise(CUDNN_POINTWISE_MUL, d_out, Operand(T::kOut, s_.d_v), product);
    const Tensor sum = b_.Reduce(CUDNN_REDUCE_TENSOR_ADD, product, b_.Virtual(e_.rows()));
    return b_.Pointwise(CUDNN_POINTWISE_MUL, sum, b_.Scalar(T::kOne), Rows(T::kDelta));
  }
  /// out[key] = sum over queries of weights[query, key] * rows[query].
  void ToKeys(Tensor weights, Tensor rows, T out, std::int64_t width) {
    const Tensor turned =
        b_.Reshape(weights, b_.Virtual(Turned(e_.scores()), Turned(Packed(e_.scores())), kBf16));
    b_.Matmul(turned, rows, Operand(out, width));
  }
  void ToQueries(Tensor ds, Tensor kt) {
    const Tensor keys = b_.Reshape(kt, b_.Virtual(e_.Of(s_.d_qk), e_.StridesOf(s_.d_qk), kBf16));
    const Dims dims = e_.Of(s_.d_qk);
    const Tensor sum = b_.Real(T::kDQuerySum, dims, Packed(dims), kFp32);
    b_.Matmul(ds, keys, sum);
    b_.Pointwise(CUDNN_POINTWISE_IDENTITY, sum, nullptr, Operand(T::kDQuery, s_.d_qk));
  }

  const PrefillShape& s_;
  Extents e_;
  GraphBuilder b_;
};

CudnnDescriptor BuildGraph(const PrefillShape& shape, PrefillPass pass, const CudnnDevice& device,
                           std::vector<CudnnDescriptor>* parts) {
  PrefillGraph graph(shape, parts);
  return pass == PrefillPass::kForward ? graph.Forward(device) : graph.Backward(device);
}

/// Engine configurations the heuristics find viable, best first; empty and the reason if none.
std::vector<CudnnDescriptor> Configurations(const CudnnDescriptor& graph, const CudnnDevice& device,
                                            std::string* reason) {
  CudnnDescriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.Link(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristics.Set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, CUDNN_HEUR_MODE_A);
  device.Give(heuristics, 0, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP);
  heuristics.Finalize();
  std::int64_t count = 0;
  CheckCudnn(Cudnn().get(heuristics.raw(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0,
                         &count, nullptr),
             "counting engines");
  std::vector<CudnnDescriptor> found;
  std::vector<cudnnBackendDescriptor_t> raw;
  for (std::int64_t i = 0; i < count; ++i) {
    found.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    raw.push_back(found.back().raw());
  }
  CheckCudnn(Cudnn().get(heuristics.raw(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                         count, &count, raw.data()),
             "asking for engines");
  found.resize(static_cast<std::size_t>(count));  // those it could not use are not filled
  if (found.empty()) {
    char text[1024] = {};
    Cudnn().last_error(text, sizeof(text));
    *reason = text;
  }
  return found;
}

std::string EngineName(const CudnnDescriptor& configuration) {
  CudnnDescriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t raw = engine.raw();
  std::int64_t count = 0;
  std::int64_t index = -1;
  CheckCudnn(Cudnn().get(configuration.raw(), CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                         &count, &raw),
             "asking for an engine");
  CheckCudnn(Cudnn().get(engine.raw(), CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &count, &index),
             "asking for an engine's index");
  return "engine " + std::to_string(index);
}

}  // namespace

PrefillPlan::PrefillPlan(const PrefillShape& shape, PrefillPass pass, const CudnnDevice& device)
    : scale_(static_cast<float>(shape.scale)) {
  CudnnDescriptor graph = BuildGraph(shape, pass, device, &parts_);
  std::string reason;
  for (CudnnDescriptor& configuration : Configurations(graph, device, &reason)) {
    CudnnDescriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    plan.Link(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
    device.Give(plan, kPlanHandle, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP);
    try {
      plan.Finalize();
    } catch (const DeviceError& error) {  // the next one may do
      reason = error.what();
      continue;
    }
    std::int64_t count = 0;
    std::int64_t bytes = 0;
    CheckCudnn(Cudnn().get(plan.raw(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &count,
                           &bytes),
               "asking for the workspace");
    workspace_bytes_ = static_cast<std::size_t>(bytes);
    plan_ = std::move(plan);
    parts_.push_back(std::move(configuration));
    break;
  }
  parts_.push_back(std::move(graph));
  if (plan_.raw() == nullptr)
    throw Unsupported("cuDNN " + CudnnVersionText() + " has no kernel for it: " + reason);
}

void PrefillPlan::Launch(const CudnnDevice& device, const PrefillPointers& pointers, void* workspace,
                         cudaStream_t stream) const {
  std::vector<std::int64_t> ids;
  std::vector<void*> values;
  for (const auto& [name, pointer] : pointers) {
    ids.push_back(static_cast<std::int64_t>(name));
    values.push_back(pointer);
  }
  const std::pair<T, const float*> scalars[] = {
      {T::kScale, &scale_}, {T::kMinusInfinity, &minus_infinity_}, {T::kOne, &one_}};
  for (const auto& [name, value] : scalars) {
    if (name == T::kOne && !pointers.contains(T::kDOut)) continue;  // of the backward pass alone
    ids.push_back(static_cast<std::int64_t>(name));
    values.push_back(const_cast<float*>(value));
  }
  CudnnDescriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.SetMany(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, ids.size(), ids.data());
  pack.SetMany(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, values.size(), values.data());
  pack.Set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, workspace).Finalize();
  CheckCudnn(Cudnn().set_stream(device.handle(), stream), "cudnnSetStream");
  CheckCudnn(Cudnn().execute(device.handle(), plan_.raw(), pack.raw()), "running attention");
}

std::vector<std::string> PrefillEngines(const PrefillShape& shape, PrefillPass pass,
                                        const CudnnDevice& device, std::string* reason) {
  std::vector<CudnnDescriptor> parts;
  const CudnnDescriptor graph = BuildGraph(shape, pass, device, &parts);
  std::vector<std::string> names;
  for (const CudnnDescriptor& configuration : Configurations(graph, device, reason))
    names.push_back(EngineName(configuration));
  return names;
}

}  // namespace orrery::profiler
#endif  // ORRERY_NO_CUDNN
