// fp32_reduce: sum or maximum of each vector of a stream, bit for bit those of the golden model.
//
//   sum   binary tree of adjacent pairs over the vector, padded with +0 to a power of two
//   max   the larger one, pair by pair; NaN if any value is; a zero of any sign is +0
//
// Lanes values of a beat form a tree, one beat a cycle; the beats' results go through log2(MaxBeats) levels that add pairs
// of them as they come. Every vector passes all levels, so results keep the order of the vectors.
//
// Numbers:       those of fp32_add and fp32_compare. The result does not depend on Lanes or MaxBeats.
// Latency:       (log2(Lanes) + log2(MaxBeats)) * L + 1 from a vector's last beat to its result, L = 5 for sums, 2 for maxima
//                (fp32_pkg::AddLatency, CompareLatency).
// Throughput:    one beat a cycle, vectors of any length back to back.
// Back-pressure: the pipeline moves as long as no result waits at its end, or the spill register behind it has room; a
//                function of registers only. Beats are taken until then.
// Errors:        a vector of more than MaxBeats beats raises error_o until the reset; its own result is wrong.
//
// Parameters:
//   Op        0 sum, 1 maximum (fp32_reduce_pkg::op_e)
//   Lanes     values in a beat, a power of two; lane 0, the lowest bits, is the first
//   MaxBeats  beats of the longest vector, a power of two; Lanes * MaxBeats >= 2
module fp32_reduce
  import fp32_reduce_pkg::*;
#(
    parameter int unsigned Op = 0,
    parameter int unsigned Lanes = 16,
    parameter int unsigned MaxBeats = 256
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [32*Lanes-1:0] s_axis_tdata,
    input  logic                s_axis_tlast,
    input  logic                s_axis_tvalid,
    output logic                s_axis_tready,
    output logic [        31:0] m_axis_tdata,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready,
    output logic                error_o
);
  logic [31:0] result;
  logic valid, too_long, room;
  wire enable = room || !valid;
  assign s_axis_tready = enable;

  fp32_reduce_pipe #(.Op(Op), .Lanes(Lanes), .MaxBeats(MaxBeats)) u_pipe (
      .clk_i, .rst_ni, .enable_i(enable), .data_i(s_axis_tdata), .valid_i(s_axis_tvalid), .last_i(s_axis_tlast),
      .data_o(result), .valid_o(valid), .too_long_o(too_long)
  );

  spill_register #(.Width(32)) u_out (
      .clk_i, .rst_ni, .s_data_i(result), .s_valid_i(valid), .s_ready_o(room),
      .m_data_o(m_axis_tdata), .m_valid_o(m_axis_tvalid), .m_ready_i(m_axis_tready)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) error_o <= 1'b0;
    else if (too_long) error_o <= 1'b1;
  end

  a_hold :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !enable |=> $stable({valid, result}));
  a_tidy :  // neither a subnormal nor another NaN
  assert property (@(posedge clk_i) disable iff (!rst_ni) valid |->
      (result[30:23] != '0 || result[22:0] == '0) &&
      (result[30:23] != '1 || result[22:0] == '0 || result == fp32_pkg::QuietNan));
`ifndef SYNTHESIS
  // The last beat of a vector that is alone in the core: its result waits for the consumer Latency cycles later.
  localparam int unsigned Latency = latency(Op, Lanes, MaxBeats) + 1;
  int unsigned vectors_q, age_q;  // vectors inside; cycles since the last beat of the only one, while nothing stalls
  wire taken = s_axis_tvalid && s_axis_tready && s_axis_tlast;
  wire left = m_axis_tvalid && m_axis_tready;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) vectors_q <= 0;
    else vectors_q <= vectors_q + (taken ? 1 : 0) - (left ? 1 : 0);
    if (!rst_ni || m_axis_tvalid) age_q <= 0;
    else if (taken && vectors_q == 0) age_q <= 1;
    else if (age_q != 0) age_q <= age_q + 1;
  end
  a_latency :
  assert property (@(posedge clk_i) disable iff (!rst_ni) age_q == Latency |-> m_axis_tvalid);
  a_no_sooner :
  assert property (@(posedge clk_i) disable iff (!rst_ni) age_q != 0 && age_q < Latency |-> !m_axis_tvalid);
`endif
endmodule
