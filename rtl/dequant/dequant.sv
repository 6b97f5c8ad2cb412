// dequant: accumulators of a linear to fp32, with a scale for each output, one for the vector, and the residual.
//
//   y = ((fp32(acc + start) * out_scale) * act_scale) + residual     start, act_scale and residual where the vector uses them
//
// Several vectors may come at once, beat by beat in turn, each with its act_scale; they share the out_scales and the start values.
//
// A vector that uses no act_scale is multiplied by 1 and one without residual gets -0 added: both give every number back as it is,
// so there is no way around the units.
//
// Numbers:       acc and start int32, their sum modulo 2^32; those of fp32_from_int, fp32_mul and fp32_add, every step rounded.
//                Lanes are independent.
// Latency:       FromInt + 2 Mul + Add + 1 = 18 from a beat to its result, 19 with Start whether start values are used or not.
// Throughput:    one beat a cycle, vectors of any length back to back.
// Back-pressure: a beat is taken when all its parts are there, so readies wait for the valids; otherwise they depend only on
//                registers: a beat is only taken when its result has room in the queue at the end.
// Overflow:      to infinity, as in the units.
// Reset:         synchronous, active low; forgets everything.
//
// Parameters:
//   Lanes   values in a beat, a power of two; lane 0, the lowest bits, is the first
//   Tokens  vectors that may come at once
//   Start   1: there may be start values; 0: use_start_i stays 0
// Ports:
//   use_start_i, use_act_scale_i, use_residual_i  of the vector: the same with all its beats, stable while a beat waits
//   tokens_i         vectors that come at once, 1..Tokens; as those above
//   s_axis           accumulators: the first beat of every vector, the second one of each, and so on; tlast with the very last
//   s_axis_start     start values int32, a beat for every beat of one vector, where they are used
//   s_axis_scale     out_scale, a beat for every beat of one vector
//   s_axis_act       act_scale, one for every vector that uses it, in their order, taken with the vector's first beat
//   s_axis_residual  a beat for every beat of a vector that uses it
module dequant
  import fp32_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned Tokens = 1,
    parameter bit Start = 1'b0,
    localparam int unsigned CountW = $clog2(Tokens + 1)
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic                use_start_i,
    input  logic                use_act_scale_i,
    input  logic                use_residual_i,
    input  logic [  CountW-1:0] tokens_i,
    input  logic [32*Lanes-1:0] s_axis_tdata,
    input  logic                s_axis_tlast,
    input  logic                s_axis_tvalid,
    output logic                s_axis_tready,
    input  logic [32*Lanes-1:0] s_axis_start_tdata,
    input  logic                s_axis_start_tvalid,
    output logic                s_axis_start_tready,
    input  logic [32*Lanes-1:0] s_axis_scale_tdata,
    input  logic                s_axis_scale_tvalid,
    output logic                s_axis_scale_tready,
    input  logic [        31:0] s_axis_act_tdata,
    input  logic                s_axis_act_tvalid,
    output logic                s_axis_act_tready,
    input  logic [32*Lanes-1:0] s_axis_residual_tdata,
    input  logic                s_axis_residual_tvalid,
    output logic                s_axis_residual_tready,
    output logic [32*Lanes-1:0] m_axis_tdata,
    output logic                m_axis_tlast,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready
);
  if (Lanes < 1 || Lanes != 1 << $clog2(Lanes)) $error("%m: Lanes is %0d, allowed: powers of two", Lanes);

  if (Tokens < 1) $error("%m: Tokens is %0d, allowed: >= 1", Tokens);

  localparam int unsigned AtScale = FromIntLatency + 32'(Start);  // cycles from a beat to the units
  localparam int unsigned AtAct = AtScale + MulLatency;
  localparam int unsigned Cycles = AtAct + MulAddLatency;
  localparam int unsigned Room = Cycles + 2;  // covers the round trip of a credit
  localparam int unsigned CreditW = $clog2(Room + 1);
  localparam logic [31:0] MinusZero = 32'h8000_0000;

  // ---- in: the streams meet --------------------------------------------------------------------------------------------
  localparam int unsigned TokenW = (Tokens > 1) ? $clog2(Tokens) : 1;
  logic first_q, some_q;  // the beat to come begins a vector; there is a credit
  logic [CreditW-1:0] credits_q;
  logic [Tokens-1:0][31:0] act_q;
  logic [TokenW-1:0] token_q;
  wire token_last = CountW'(token_q) + CountW'(1) == tokens_i;
  wire act_now = first_q && use_act_scale_i;
  wire starts = Start && use_start_i;
  wire take = some_q && (!starts || s_axis_start_tvalid) && s_axis_tvalid && s_axis_scale_tvalid && (!act_now || s_axis_act_tvalid)
      && (!use_residual_i || s_axis_residual_tvalid);
  wire pop = m_axis_tvalid && m_axis_tready;
  assign s_axis_tready          = take;
  assign s_axis_start_tready    = take && token_last && starts;
  assign s_axis_scale_tready    = take && token_last;
  assign s_axis_act_tready      = take && act_now;
  assign s_axis_residual_tready = take && use_residual_i;

  wire [31:0] act_in = !use_act_scale_i ? One : first_q ? s_axis_act_tdata : act_q[token_q];
  wire [32*Lanes-1:0] residual_in = use_residual_i ? s_axis_residual_tdata : {Lanes{MinusZero}};

  always_ff @(posedge clk_i) begin
    if (take) act_q[token_q] <= act_in;
    if (!rst_ni) begin
      first_q   <= 1'b1;
      token_q   <= '0;
      credits_q <= CreditW'(Room);
      some_q    <= 1'b1;
    end else begin
      if (take) begin
        first_q <= s_axis_tlast || (first_q && !token_last);
        token_q <= token_last ? '0 : token_q + TokenW'(1);
      end
      if (take && !pop) begin
        credits_q <= credits_q - CreditW'(1);
        some_q    <= credits_q != CreditW'(1);
      end else if (pop && !take) begin
        credits_q <= credits_q + CreditW'(1);
        some_q    <= 1'b1;
      end
    end
  end

  // ---- units: they never stop -----------------------------------------------------------------------------------------
  logic [31:0] act;
  logic [32*Lanes-1:0] scale, residual, y;
  logic valid, last, ready;
  fp32_delay #(.Width(32 * Lanes), .Cycles(AtScale)) u_scale (
      .clk_i, .enable_i(1'b1), .d_i(s_axis_scale_tdata), .q_o(scale)
  );
  fp32_delay #(.Width(32), .Cycles(AtAct)) u_act (.clk_i, .enable_i(1'b1), .d_i(act_in), .q_o(act));
  fp32_delay #(.Width(32 * Lanes), .Cycles(AtAct)) u_residual (
      .clk_i, .enable_i(1'b1), .d_i(residual_in), .q_o(residual)
  );
  fp32_valid #(.Cycles(Cycles)) u_valid (.clk_i, .rst_ni, .enable_i(1'b1), .valid_i(take), .valid_o(valid));
  fp32_delay #(.Width(1), .Cycles(Cycles)) u_last (.clk_i, .enable_i(1'b1), .d_i(s_axis_tlast), .q_o(last));

  logic [32*Lanes-1:0] acc;
  if (Start) begin : gen_start
    logic [32*Lanes-1:0] sum_q;
    assign acc = sum_q;
    always_ff @(posedge clk_i) begin
      for (int unsigned l = 0; l < Lanes; l++) begin
        sum_q[32*l+:32] <= s_axis_tdata[32*l+:32] + (use_start_i ? s_axis_start_tdata[32*l+:32] : '0);
      end
    end
  end else begin : gen_no_start
    assign acc = s_axis_tdata;
    wire unused = ^{s_axis_start_tdata, s_axis_start_tvalid};
    a_no_start :
    assert property (@(posedge clk_i) disable iff (!rst_ni) s_axis_tvalid |-> !use_start_i);
  end

  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    logic [31:0] whole, scaled;
    fp32_from_int #(.Bits(32)) u_whole (.clk_i, .enable_i(1'b1), .a_i(acc[32*l+:32]), .y_o(whole));
    fp32_mul u_scaled (.clk_i, .enable_i(1'b1), .a_i(whole), .b_i(scale[32*l+:32]), .y_o(scaled));
    fp32_mul_add u_sum (
        .clk_i, .enable_i(1'b1), .a_i(scaled), .b_i(act), .c_i(residual[32*l+:32]), .y_o(y[32*l+:32])
    );
  end

  // ---- out -------------------------------------------------------------------------------------------------------------
  logic [CreditW-1:0] unused_level;
  fifo #(.Width(32 * Lanes + 1), .Depth(Room)) u_queue (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i({last, y}), .s_valid_i(valid), .s_ready_o(ready),
      .m_data_o({m_axis_tlast, m_axis_tdata}), .m_valid_o(m_axis_tvalid), .m_ready_i(m_axis_tready),
      .level_o(unused_level)
  );

  a_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni) valid |-> ready);
  a_stable :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      m_axis_tvalid && !m_axis_tready |=> m_axis_tvalid && $stable({m_axis_tdata, m_axis_tlast}));
  a_use_waits :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      s_axis_tvalid && !s_axis_tready |=> $stable({use_start_i, use_act_scale_i, use_residual_i, tokens_i}));
`ifndef SYNTHESIS
  // Of several vectors the first beats come before first_q falls: what the very first one says holds for these too.
  wire [CountW+2:0] use_now = {use_start_i, use_act_scale_i, use_residual_i, tokens_i};
  logic [CountW+2:0] use_q;
  always_ff @(posedge clk_i) if (take && first_q && token_q == '0) use_q <= use_now;
  a_use_of_vector :
  assert property (@(posedge clk_i) disable iff (!rst_ni) s_axis_tvalid && (!first_q || token_q != '0) |-> use_now == use_q);
  a_tokens :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      s_axis_tvalid |-> tokens_i != '0 && 32'(tokens_i) <= Tokens);
`endif
endmodule
