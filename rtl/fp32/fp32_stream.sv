// fp32_stream: any one of the units with valid/ready on both sides. Operands in, results out, in order.
//
// Numbers:  those of the unit; the units and the meaning of y and order are in the header of fp32_unit.
//
// Latency:       fp32_pkg::latency(Unit) + 1 (the output's spill register), from operands taken to result valid.
// Throughput:    one result a cycle.
// Back-pressure: the pipeline moves as long as no result waits at its end, or the spill register has room. That is a function of
//                registers only, so no ready depends on m_axis_tready within a cycle. While the consumer waits, operands are
//                taken until the first result reaches the end: latency + 2 results wait at most.
//
// Parameters:
//   Unit  fp32_pkg::unit_e, 0..13
//   Bits  of the integer that ToInt gives and FromInt takes, 2..32
// Ports:
//   s_axis_tdata  {c, b, a}        s_axis_tuser  Add: 1 subtracts b; Dot2: c * b
//   m_axis_tdata  y                m_axis_tuser  Compare: the order code
//   tlast         travels along
module fp32_stream
  import fp32_pkg::*;
#(
    parameter int unsigned Unit = 0,
    parameter int unsigned Bits = 32
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic [95:0] s_axis_tdata,
    input  logic        s_axis_tuser,
    input  logic        s_axis_tlast,
    input  logic        s_axis_tvalid,
    output logic        s_axis_tready,
    output logic [31:0] m_axis_tdata,
    output logic [ 1:0] m_axis_tuser,
    output logic        m_axis_tlast,
    output logic        m_axis_tvalid,
    input  logic        m_axis_tready
);
  localparam unit_e UnitE = unit_e'(Unit);
  localparam int unsigned Cycles = latency(UnitE);

  logic [31:0] y;
  logic [1:0] order;
  logic valid, last, room;
  wire enable = room || !valid;
  assign s_axis_tready = enable;

  fp32_unit #(.Unit(Unit), .Bits(Bits)) u_unit (
      .clk_i, .enable_i(enable),
      .a_i(s_axis_tdata[31:0]), .b_i(s_axis_tdata[63:32]), .c_i(s_axis_tdata[95:64]), .subtract_i(s_axis_tuser),
      .y_o(y), .order_o(order)
  );
  fp32_valid #(.Cycles(Cycles)) u_valid (.clk_i, .rst_ni, .enable_i(enable), .valid_i(s_axis_tvalid), .valid_o(valid));
  fp32_delay #(.Width(1), .Cycles(Cycles)) u_last (.clk_i, .enable_i(enable), .d_i(s_axis_tlast), .q_o(last));

  spill_register #(.Width(35)) u_out (
      .clk_i, .rst_ni,
      .s_data_i({last, order, y}), .s_valid_i(valid), .s_ready_o(room),
      .m_data_o({m_axis_tlast, m_axis_tuser, m_axis_tdata}), .m_valid_o(m_axis_tvalid), .m_ready_i(m_axis_tready)
  );

  a_hold :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !enable |=> $stable({valid, last, order, y}));
  if (UnitE != ToInt && UnitE != ToBf16) begin : gen_number
    a_no_subnormal :
    assert property (@(posedge clk_i) disable iff (!rst_ni) valid && y[30:23] == '0 |-> y[22:0] == '0);
    a_one_nan :
    assert property (@(posedge clk_i) disable iff (!rst_ni) valid && y[30:23] == '1 && y[22:0] != '0 |-> y == QuietNan);
  end
`ifndef SYNTHESIS
  // Operands that meet an empty wrapper and a consumer that is ready come out after the unit's latency and one cycle.
  int unsigned inside_q, age_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) inside_q <= 0;
    else
      inside_q <= inside_q + ((s_axis_tvalid && s_axis_tready) ? 1 : 0) - ((m_axis_tvalid && m_axis_tready) ? 1 : 0);
    if (!rst_ni || m_axis_tvalid) age_q <= 0;
    else if (s_axis_tvalid && s_axis_tready && inside_q == 0) age_q <= 1;
    else if (age_q != 0) age_q <= age_q + 1;
  end
  a_latency :
  assert property (@(posedge clk_i) disable iff (!rst_ni) age_q == Cycles + 1 |-> m_axis_tvalid);
  a_no_sooner :
  assert property (@(posedge clk_i) disable iff (!rst_ni) age_q != 0 && age_q <= Cycles |-> !m_axis_tvalid);
  a_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni) inside_q <= Cycles + 2);
`endif
endmodule
