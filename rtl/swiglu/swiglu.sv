// swiglu: the gated activation of two streams, value by value.
//
//   y = (gate * sigmoid(gate)) * up
//
// Numbers:       those of fp32_sigmoid and fp32_mul, every step rounded. A gate of -infinity gives NaN (-inf * 0).
// Latency:       Sigmoid + 2 Mul + 1 = 99 cycles from the later of the two beats to the result.
// Throughput:    one beat a cycle.
// Back-pressure: a beat of each stream is taken at once, when both are there and the pipeline moves; it moves as long as no
//                result waits at its end, or the spill register has room. No ready depends on m_axis_tready within a cycle; each
//                input's ready depends on the other's valid.
// Errors:        error_o stays until the reset: one stream's tlast without the other's. The gate's tlast goes on.
//
// Parameters:
//   Lanes  values in a beat, a power of two; lane 0, the lowest bits, is the first
module swiglu #(
    parameter int unsigned Lanes = 16
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [32*Lanes-1:0] s_axis_gate_tdata,
    input  logic                s_axis_gate_tlast,
    input  logic                s_axis_gate_tvalid,
    output logic                s_axis_gate_tready,
    input  logic [32*Lanes-1:0] s_axis_up_tdata,
    input  logic                s_axis_up_tlast,
    input  logic                s_axis_up_tvalid,
    output logic                s_axis_up_tready,
    output logic [32*Lanes-1:0] m_axis_tdata,
    output logic                m_axis_tlast,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready,
    output logic                error_o
);
  import swiglu_pkg::Latency;
  if (Lanes < 1 || Lanes != 1 << $clog2(Lanes)) $error("%m: Lanes is %0d, allowed: powers of two", Lanes);

  logic room, valid, last;
  logic [32*Lanes-1:0] y;
  wire enable = room || !valid;
  wire both = s_axis_gate_tvalid && s_axis_up_tvalid;
  assign s_axis_gate_tready = enable && s_axis_up_tvalid;
  assign s_axis_up_tready = enable && s_axis_gate_tvalid;

  for (genvar i = 0; i < Lanes; i++) begin : gen_lanes
    swiglu_lane u_lane (
        .clk_i, .enable_i(enable), .gate_i(s_axis_gate_tdata[32*i+:32]), .up_i(s_axis_up_tdata[32*i+:32]),
        .y_o(y[32*i+:32])
    );
  end
  fp32_valid #(.Cycles(Latency)) u_valid (.clk_i, .rst_ni, .enable_i(enable), .valid_i(both), .valid_o(valid));
  fp32_delay #(.Width(1), .Cycles(Latency)) u_last (
      .clk_i, .enable_i(enable), .d_i(s_axis_gate_tlast), .q_o(last)
  );

  spill_register #(.Width(32 * Lanes + 1)) u_out (
      .clk_i, .rst_ni, .s_data_i({last, y}), .s_valid_i(valid), .s_ready_o(room),
      .m_data_o({m_axis_tlast, m_axis_tdata}), .m_valid_o(m_axis_tvalid), .m_ready_i(m_axis_tready)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) error_o <= 1'b0;
    else if (both && enable && s_axis_gate_tlast != s_axis_up_tlast) error_o <= 1'b1;
  end

  a_hold :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !enable |=> $stable({valid, last, y}));
  stream_checker #(.Width(32 * Lanes + 1)) u_out_rules (
      .clk_i, .rst_ni, .valid_i(m_axis_tvalid), .ready_i(m_axis_tready), .data_i({m_axis_tlast, m_axis_tdata})
  );
`ifndef SYNTHESIS
  // Beats that meet an empty core come out Latency + 1 cycles later.
  int unsigned inside_q, age_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) inside_q <= 0;
    else inside_q <= inside_q + ((both && enable) ? 1 : 0) - ((m_axis_tvalid && m_axis_tready) ? 1 : 0);
    if (!rst_ni || m_axis_tvalid) age_q <= 0;
    else if (both && enable && inside_q == 0) age_q <= 1;
    else if (age_q != 0) age_q <= age_q + 1;
  end
  a_latency :
  assert property (@(posedge clk_i) disable iff (!rst_ni) age_q == Latency + 1 |-> m_axis_tvalid);
  a_no_sooner :
  assert property (@(posedge clk_i) disable iff (!rst_ni) age_q != 0 && age_q <= Latency |-> !m_axis_tvalid);
  a_room :  // what the core holds at most
  assert property (@(posedge clk_i) disable iff (!rst_ni) inside_q <= Latency + 2);
`endif
endmodule
