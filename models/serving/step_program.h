// Programs of one step of a serving unit: what the streams of every GPU do, in the order of DeepSeek's drawings.
#pragma once

#include "core/engine/stream_program.h"
#include "models/serving/step_shape.h"

namespace orrery::models {

/// Streams of a serving program: kernels, and what is under way between GPUs.
inline constexpr int kComputeStream = 0, kExchangeStream = 1, kServingStreams = 2;

/// Decode. Two micro-batches: [send] SHARED(0) ATTN-0(1) [receive] MLP(0) [send] ATTN-1(1) [receive][send] SHARED(1)
/// ATTN-0(0) [receive] MLP(1) [send] ATTN-1(0) [receive]; nothing is in flight behind MLP, and no SMs are used by what is.
/// One micro-batch: only SHARED runs while a dispatch is in flight.
Program DecodeProgram(const StepShape& shape);

/// Prefill. Two micro-batches: ATTN(0) SHARED(1) ATTN(1) MLP(0) MLP(1) SHARED(0) on the compute stream, SHARED(1) being the
/// layer's before; dispatch(0), dispatch(1), combine(0), combine(1) on the exchange stream, whose kernels hold SMs of
/// their own. (The drawing calls the micro-batch that goes first 1.) One: SHARED runs beside the dispatch.
Program PrefillProgram(const StepShape& shape);

}  // namespace orrery::models
