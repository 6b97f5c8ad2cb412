// linear_synth_fixed: the activations of a search: int8, each with a factor of its own.
//
//   y = sat8(rne(x * factor))        golden/covq.py, quantize_activation: factor = 2^-a_exp, so the product is exact
//
// Latency:       Mul + ToInt + 1 cycles. Throughput: a beat a cycle.
// Back-pressure: beats wait in a queue; one is only taken when it has room there. Readies depend on registers and on the valid of
//                the other stream.
//
// Parameters:
//   Width   values of a beat
//   ActW    bits of an integer
module linear_synth_fixed #(
    parameter int unsigned Width = 16,
    localparam int unsigned ActW = 8
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    input  logic [  Width*32-1:0] s_axis_tdata,
    input  logic                  s_axis_tlast,
    input  logic                  s_axis_tvalid,
    output logic                  s_axis_tready,
    input  logic [  Width*32-1:0] s_axis_factor_tdata,
    input  logic                  s_axis_factor_tvalid,
    output logic                  s_axis_factor_tready,
    output logic [Width*ActW-1:0] m_axis_tdata,
    output logic                  m_axis_tlast,
    output logic                  m_axis_tvalid,
    input  logic                  m_axis_tready
);
  localparam int unsigned Cycles = fp32_pkg::MulLatency + fp32_pkg::ToIntLatency;
  localparam int unsigned Room = Cycles + 2;
  localparam int unsigned RoomW = $clog2(Room + 1);

  logic [RoomW-1:0] credits_q;
  logic some_q, valid, last, unused_ready;
  logic [RoomW-1:0] unused_level;
  logic [Width*ActW-1:0] y;
  wire take = some_q && s_axis_tvalid && s_axis_factor_tvalid;
  wire pop = m_axis_tvalid && m_axis_tready;
  assign s_axis_tready        = some_q && s_axis_factor_tvalid;
  assign s_axis_factor_tready = some_q && s_axis_tvalid;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      credits_q <= RoomW'(Room);
      some_q    <= 1'b1;
    end else if (take != pop) begin
      credits_q <= take ? credits_q - RoomW'(1) : credits_q + RoomW'(1);
      some_q    <= !take || credits_q != RoomW'(1);
    end
  end

  for (genvar l = 0; l < Width; l++) begin : gen_lane
    logic [31:0] scaled;
    fp32_mul u_scaled (
        .clk_i, .enable_i(1'b1), .a_i(s_axis_tdata[32*l+:32]), .b_i(s_axis_factor_tdata[32*l+:32]), .y_o(scaled)
    );
    fp32_to_int #(.Bits(ActW)) u_whole (.clk_i, .enable_i(1'b1), .a_i(scaled), .y_o(y[ActW*l+:ActW]));
  end
  fp32_valid #(.Cycles(Cycles)) u_valid (.clk_i, .rst_ni, .enable_i(1'b1), .valid_i(take), .valid_o(valid));
  fp32_delay #(.Width(1), .Cycles(Cycles)) u_last (.clk_i, .enable_i(1'b1), .d_i(s_axis_tlast), .q_o(last));

  fifo #(
      .Width(Width * ActW + 1), .Depth(Room)
  ) u_queue (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i({last, y}), .s_valid_i(valid), .s_ready_o(unused_ready),
      .m_data_o({m_axis_tlast, m_axis_tdata}), .m_valid_o(m_axis_tvalid), .m_ready_i(m_axis_tready), .level_o(unused_level)
  );

  a_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni) valid |-> unused_ready);
endmodule
