// fp32_pkg: the units of the core, their latencies, and what they share. Numbers are binary32 bit patterns.
package fp32_pkg;
  // What fp32_unit and fp32_stream can be; an integer parameter there, so any command line can set it.
  typedef enum int unsigned {
    Add        = 0,
    Mul        = 1,
    MulAdd     = 2,
    Compare    = 3,
    FromInt    = 4,
    ToInt      = 5,
    ToBf16     = 6,
    FromBf16   = 7,
    Exp        = 8,
    Reciprocal = 9,
    Rsqrt      = 10,
    Log        = 11,
    Sigmoid    = 12,
    Dot2       = 13
  } unit_e;
  localparam int unsigned Units = 14;

  // Cycles from inputs to outputs of each unit, every one at one result a cycle. Composed units derive all their delays
  // from the first nine, so another implementation of fp32_add or fp32_mul only changes its number here.
  localparam int unsigned AddLatency = 5;
  localparam int unsigned MulLatency = 4;
  localparam int unsigned OneMinusLatency = 3;
  localparam int unsigned CompareLatency = 2;
  localparam int unsigned FromIntLatency = 4;
  localparam int unsigned ToIntLatency = 4;
  localparam int unsigned ToBf16Latency = 2;
  localparam int unsigned FromBf16Latency = 1;
  localparam int unsigned TableLatency = 1;  // a table's output register, and the step on exponents at a function's end
  localparam int unsigned MulAddLatency = MulLatency + AddLatency;
  localparam int unsigned Dot2Latency = MulAddLatency;
  localparam int unsigned ReciprocalStepLatency = 2 * MulLatency + OneMinusLatency + AddLatency;
  localparam int unsigned RsqrtStepLatency = 3 * MulLatency + OneMinusLatency + AddLatency;
  localparam int unsigned ExpLatency =
      4 * MulLatency + 4 * AddLatency + ToIntLatency + FromIntLatency + 2 * TableLatency;
  localparam int unsigned ReciprocalLatency = 2 * ReciprocalStepLatency + 2 * TableLatency;
  localparam int unsigned RsqrtLatency = 2 * RsqrtStepLatency + 2 * TableLatency;
  localparam int unsigned LogLatency = 3 * MulLatency + 5 * AddLatency + 2 * TableLatency;
  localparam int unsigned SigmoidLatency = ExpLatency + AddLatency + ReciprocalLatency + MulLatency + TableLatency;

  localparam logic [31:0] QuietNan = 32'h7fc0_0000;
  localparam logic [31:0] Infinity = 32'h7f80_0000;
  localparam logic [31:0] One = 32'h3f80_0000;
  localparam logic [31:0] Half = 32'h3f00_0000;

  function automatic int unsigned latency(input unit_e unit);
    case (unit)
      Add: return AddLatency;
      Mul: return MulLatency;
      MulAdd: return MulAddLatency;
      Dot2: return Dot2Latency;
      Compare: return CompareLatency;
      FromInt: return FromIntLatency;
      ToInt: return ToIntLatency;
      ToBf16: return ToBf16Latency;
      FromBf16: return FromBf16Latency;
      Exp: return ExpLatency;
      Reciprocal: return ReciprocalLatency;
      Rsqrt: return RsqrtLatency;
      Log: return LogLatency;
      default: return SigmoidLatency;
    endcase
  endfunction

  // x * 0.5 for finite x, the same bits as fp32_mul gives where the result is normal; 0 below.
  function automatic logic [31:0] halve(input logic [31:0] x);
    return (x[30:24] == '0) ? {x[31], 31'b0} : {x[31], x[30:23] - 8'd1, x[22:0]};
  endfunction

  // Leading zeros of x, 0..31; the last bit counts as set. In groups of four, so that it is four LUTs deep.
  function automatic logic [4:0] leading_zeros(input logic [31:0] x);
    logic [7:0] empty;
    logic [7:0][1:0] place;
    logic [4:0] count;
    for (int unsigned i = 0; i < 8; i++) begin  // group 0 is the highest
      empty[i]  = x[28-4*i+:4] == '0;
      place[i] = {x[30-4*i+:2] == '0, x[31-4*i] == 1'b0 && (x[30-4*i] || !x[29-4*i])};
    end
    count = {3'd7, place[7]};
    for (int unsigned i = 7; i > 0; i--) if (!empty[i-1]) count = {3'(i - 1), place[i-1]};
    return count;
  endfunction
endpackage
