//! Functions of one value, applied to every element.

/// Where `artanh` ends.
const NEARLY_1: f64 = 1.0 - 1e-7;

/// A function of one real value. Exported models write them under the names of ONNX, whose definitions hold here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function {
    /// `|x|`
    Abs,
    /// `arccos(x)`; outside of [-1, 1] that of the nearer end
    Acos,
    /// `arcosh(x)`; below 1 that of 1
    Acosh,
    /// `arcsin(x)`; outside of [-1, 1] that of the nearer end
    Asin,
    /// `arsinh(x)`
    Asinh,
    /// `arctan(x)`
    Atan,
    /// `artanh(x)`; at and outside of -1 and 1 that of a number near the end
    Atanh,
    /// `ceil(x)`
    Ceil,
    /// `cos(x)`, x in radians
    Cos,
    /// `cosh(x)`
    Cosh,
    /// `x` where positive, else `alpha * (exp(x / gamma) - 1)`, all times `scale`: Elu, Selu, Celu
    Elu {
        /// Size of the negative side.
        alpha: f64,
        /// Divides x on the negative side.
        gamma: f64,
        /// Factor of both sides.
        scale: f64,
    },
    /// `1` where `|x| <= tolerance`, else 0: equality of two values, given their difference
    IsZero {
        /// Largest magnitude that counts as 0.
        tolerance: f64,
    },
    /// `erf(x)`
    Erf,
    /// `exp(x)`
    Exp,
    /// `floor(x)`
    Floor,
    /// `0.5 x (1 + erf(x / sqrt 2))`
    Gelu,
    /// `0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`
    GeluTanh,
    /// `max(0, min(1, alpha x + beta))`
    HardSigmoid {
        /// How fast it rises between its ends.
        alpha: f64,
        /// Value at 0.
        beta: f64,
    },
    /// `x * max(0, min(1, x / 6 + 1 / 2))`
    HardSwish,
    /// `x` where positive, else `slope * x`
    LeakyRelu {
        /// Slope of the negative side.
        slope: f64,
    },
    /// `ln(x)`; at and below `least` that of `least`, which is positive
    Log {
        /// Least argument.
        least: f64,
    },
    /// `x tanh(ln(1 + exp(x)))`
    Mish,
    /// `1` where x is positive, else 0: `x > y` given `x - y`
    Positive,
    /// `x^exponent`; at and below `least` that of `least`, unless the exponent is a whole number of at least 1
    Power {
        /// The power that the argument is raised to.
        exponent: f64,
        /// Least argument.
        least: f64,
    },
    /// Nearest whole number, half to even
    Round,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// -1, 0 or 1
    Sign,
    /// `sin(x)`, x in radians
    Sin,
    /// `sinh(x)`
    Sinh,
    /// `ln(1 + exp(x))`
    Softplus,
    /// `x / (1 + |x|)`
    Softsign,
    /// `x sigmoid(beta x)`: Silu, Swish
    Swish {
        /// Multiplies x in the sigmoid.
        beta: f64,
    },
    /// `tan(x)`, x in radians
    Tan,
    /// `tanh(x)`
    Tanh,
    /// `x` where greater than alpha, else 0
    ThresholdedRelu {
        /// Greatest argument whose value is 0.
        alpha: f64,
    },
    /// `x` where greater than `lambda`, plus bias towards 0: `x - bias` above, `x + bias` below `-lambda`, else 0
    Shrink {
        /// Half of the dead zone.
        lambda: f64,
        /// How far values outside of it move towards 0.
        bias: f64,
    },
    /// `max(x, least)` to the power of -1; for negative x the mirror image: `1 / x` away from 0
    Reciprocal {
        /// Least magnitude of the argument.
        least: f64,
    },
}

impl Function {
    /// Operator name for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Function::Abs => "Abs",
            Function::Acos => "Acos",
            Function::Acosh => "Acosh",
            Function::Asin => "Asin",
            Function::Asinh => "Asinh",
            Function::Atan => "Atan",
            Function::Atanh => "Atanh",
            Function::Ceil => "Ceil",
            Function::Cos => "Cos",
            Function::Cosh => "Cosh",
            Function::Elu { .. } => "Elu",
            Function::IsZero { .. } => "Equal",
            Function::Erf => "Erf",
            Function::Exp => "Exp",
            Function::Floor => "Floor",
            Function::Gelu | Function::GeluTanh => "Gelu",
            Function::HardSigmoid { .. } => "HardSigmoid",
            Function::HardSwish => "HardSwish",
            Function::LeakyRelu { .. } => "LeakyRelu",
            Function::Log { .. } => "Log",
            Function::Mish => "Mish",
            Function::Positive => "Greater",
            Function::Power { .. } => "Pow",
            Function::Round => "Round",
            Function::Sigmoid => "Sigmoid",
            Function::Sign => "Sign",
            Function::Sin => "Sin",
            Function::Sinh => "Sinh",
            Function::Softplus => "Softplus",
            Function::Softsign => "Softsign",
            Function::Swish { .. } => "Swish",
            Function::Tan => "Tan",
            Function::Tanh => "Tanh",
            Function::ThresholdedRelu { .. } => "ThresholdedRelu",
            Function::Shrink { .. } => "Shrink",
            Function::Reciprocal { .. } => "Reciprocal",
        }
    }

    /// The value at `x`, with a pure-Rust libm, so that it is the same on every machine.
    pub fn at(&self, x: f64) -> f64 {
        let sigmoid = |x: f64| 1.0 / (1.0 + libm::exp(-x));
        let softplus = |x: f64| x.max(0.0) + libm::log1p(libm::exp(-x.abs()));
        match *self {
            Function::Abs => x.abs(),
            Function::Acos => libm::acos(x.clamp(-1.0, 1.0)),
            Function::Acosh => libm::acosh(x.max(1.0)),
            Function::Asin => libm::asin(x.clamp(-1.0, 1.0)),
            Function::Asinh => libm::asinh(x),
            Function::Atan => libm::atan(x),
            Function::Atanh => libm::atanh(x.clamp(-NEARLY_1, NEARLY_1)),
            Function::Ceil => libm::ceil(x),
            Function::Cos => libm::cos(x),
            Function::Cosh => libm::cosh(x),
            Function::Elu {
                alpha,
                gamma,
                scale,
            } => {
                let value = if x > 0.0 {
                    x
                } else {
                    alpha * libm::expm1(x / gamma)
                };
                scale * value
            }
            Function::IsZero { tolerance } => f64::from(x.abs() <= tolerance),
            Function::Erf => libm::erf(x),
            Function::Exp => libm::exp(x),
            Function::Floor => libm::floor(x),
            Function::Gelu => 0.5 * x * (1.0 + libm::erf(x / std::f64::consts::SQRT_2)),
            Function::GeluTanh => {
                let inner = libm::sqrt(2.0 / std::f64::consts::PI) * (x + 0.044_715 * x * x * x);
                0.5 * x * (1.0 + libm::tanh(inner))
            }
            Function::HardSigmoid { alpha, beta } => (alpha * x + beta).clamp(0.0, 1.0),
            Function::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Function::LeakyRelu { slope } => {
                if x > 0.0 {
                    x
                } else {
                    slope * x
                }
            }
            Function::Log { least } => libm::log(x.max(least)),
            Function::Mish => x * libm::tanh(softplus(x)),
            Function::Positive => f64::from(x > 0.0),
            Function::Power { exponent, least } => {
                let whole = exponent >= 1.0 && libm::floor(exponent) == exponent;
                libm::pow(if whole { x } else { x.max(least) }, exponent)
            }
            Function::Round => libm::rint(x),
            Function::Sigmoid => sigmoid(x),
            Function::Sign => {
                if x == 0.0 {
                    0.0
                } else {
                    x.signum()
                }
            }
            Function::Sin => libm::sin(x),
            Function::Sinh => libm::sinh(x),
            Function::Softplus => softplus(x),
            Function::Softsign => x / (1.0 + x.abs()),
            Function::Swish { beta } => x * sigmoid(beta * x),
            Function::Tan => libm::tan(x),
            Function::Tanh => libm::tanh(x),
            Function::ThresholdedRelu { alpha } => {
                if x > alpha {
                    x
                } else {
                    0.0
                }
            }
            Function::Shrink { lambda, bias } => {
                if x > lambda {
                    x - bias
                } else if x < -lambda {
                    x + bias
                } else {
                    0.0
                }
            }
            Function::Reciprocal { least } => 1.0 / x.abs().max(least).copysign(x),
        }
    }
}
