#include "models/spec/attention_numerics.h"

#include <cmath>

#include "core/base/random.h"

namespace orrery::models {
namespace {

using Eigen::MatrixXd;

MatrixXd Normal(int rows, int cols, RandomStream* stream) {
  MatrixXd m(rows, cols);
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < cols; ++c) m(r, c) = stream->Normal();
  }
  return m;
}

/// Softmax over each row, largest entry subtracted first.
MatrixXd Softmax(MatrixXd scores) {
  for (Eigen::Index r = 0; r < scores.rows(); ++r) {
    scores.row(r) = (scores.row(r).array() - scores.row(r).maxCoeff()).exp().matrix();
    scores.row(r) /= scores.row(r).sum();
  }
  return scores;
}

/// Heads side by side: `output(head)` is [queries, d_v].
template <typename HeadOutput>
MatrixXd OverHeads(const MlaCase& c, HeadOutput output) {
  const MlaSizes& s = c.sizes;
  MatrixXd all(s.queries, s.heads * s.v_dim);
  for (int h = 0; h < s.heads; ++h)
    all.middleCols(h * s.v_dim, s.v_dim) = output(static_cast<std::size_t>(h));
  return all;
}

double Scale(const MlaSizes& s, int rope_dim) {
  return 1.0 / std::sqrt(static_cast<double>(s.head_dim + rope_dim));
}

/// Scores of the decoupled part: rotated queries of a head against the one rotated key.
MatrixXd RopeScores(const MlaCase& c, std::size_t head) {
  return Rotated(c.query_rope[head], c.sizes.context) * Rotated(c.key_rope, 0).transpose();
}

}  // namespace

MlaCase RandomMlaCase(const MlaSizes& sizes, std::uint64_t seed) {
  RandomStream stream(seed, "mla-numerics");
  MlaCase c;
  c.sizes = sizes;
  c.latents = Normal(sizes.context, sizes.latent, &stream);
  c.key_rope = Normal(sizes.context, sizes.rope_dim, &stream);
  for (int h = 0; h < sizes.heads; ++h) {
    c.query.push_back(Normal(sizes.queries, sizes.head_dim, &stream));
    c.query_rope.push_back(Normal(sizes.queries, sizes.rope_dim, &stream));
    c.up_key.push_back(Normal(sizes.latent, sizes.head_dim, &stream));
    c.up_value.push_back(Normal(sizes.latent, sizes.v_dim, &stream));
  }
  return c;
}

MatrixXd Rotated(const MatrixXd& rows, int first) {
  MatrixXd out(rows.rows(), rows.cols());
  for (Eigen::Index r = 0; r < rows.rows(); ++r) {
    for (Eigen::Index i = 0; i + 1 < rows.cols(); i += 2) {
      const double frequency = std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(rows.cols()));
      const double angle = static_cast<double>(first + r) * frequency;
      out(r, i) = rows(r, i) * std::cos(angle) - rows(r, i + 1) * std::sin(angle);
      out(r, i + 1) = rows(r, i) * std::sin(angle) + rows(r, i + 1) * std::cos(angle);
    }
  }
  return out;
}

MatrixXd MaterialisedOutput(const MlaCase& c) {
  return OverHeads(c, [&](std::size_t h) -> MatrixXd {
    const MatrixXd keys = c.latents * c.up_key[h];
    const MatrixXd values = c.latents * c.up_value[h];
    const MatrixXd scores = c.query[h] * keys.transpose() + RopeScores(c, h);
    return Softmax(scores * Scale(c.sizes, c.sizes.rope_dim)) * values;
  });
}

MatrixXd AbsorbedOutput(const MlaCase& c) {
  return OverHeads(c, [&](std::size_t h) -> MatrixXd {
    const MatrixXd absorbed = c.query[h] * c.up_key[h].transpose();
    const MatrixXd scores = absorbed * c.latents.transpose() + RopeScores(c, h);
    const MatrixXd latent_output = Softmax(scores * Scale(c.sizes, c.sizes.rope_dim)) * c.latents;
    return latent_output * c.up_value[h];
  });
}

MatrixXd RopeOnKeysOutput(const MlaCase& c) {
  return OverHeads(c, [&](std::size_t h) -> MatrixXd {
    const MatrixXd keys = Rotated(c.latents * c.up_key[h], 0);
    const MatrixXd scores = Rotated(c.query[h], c.sizes.context) * keys.transpose();
    return Softmax(scores * Scale(c.sizes, 0)) * (c.latents * c.up_value[h]);
  });
}

MatrixXd RopeBeforeAbsorptionOutput(const MlaCase& c) {
  return OverHeads(c, [&](std::size_t h) -> MatrixXd {
    const MatrixXd absorbed = Rotated(c.query[h], c.sizes.context) * c.up_key[h].transpose();
    const MatrixXd scores = absorbed * c.latents.transpose();
    return Softmax(scores * Scale(c.sizes, 0)) * c.latents * c.up_value[h];
  });
}

MatrixXd RopeOnLatentOutput(const MlaCase& c, int shift) {
  const MatrixXd keys = Rotated(c.latents, shift);
  return OverHeads(c, [&](std::size_t h) -> MatrixXd {
    const MatrixXd absorbed = Rotated(c.query[h] * c.up_key[h].transpose(), c.sizes.context + shift);
    return Softmax(absorbed * keys.transpose() * Scale(c.sizes, 0)) * c.latents * c.up_value[h];
  });
}

double RelativeDifference(const MatrixXd& a, const MatrixXd& b) {
  return (a - b).cwiseAbs().maxCoeff() / a.cwiseAbs().maxCoeff();
}

}  // namespace orrery::models
