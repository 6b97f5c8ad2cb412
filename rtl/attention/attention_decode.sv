// attention_decode: codes of an int8 cache to the bfloat16 numbers that attention computes with, bf16(fp32(code) * scale).
//
// The pipeline never stops; codes are taken when their numbers have a place in the queue behind it.
//
// Latency:       FromInt + Mul + ToBf16 + 1 = 11. Throughput: one beat of 16 numbers a cycle.
// Back-pressure: s_ready_o depends only on registers.
//
// Parameters:
//   SideW  bits that travel along
module attention_decode
  import attention_pkg::*;
  import fp32_pkg::*;
#(
    parameter int unsigned SideW = 7
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  codes_t              s_codes_i,
    input  logic [   SideW-1:0] s_side_i,
    input  logic                s_valid_i,
    output logic                s_ready_o,
    output logic [16*Lanes-1:0] m_data_o,
    output logic [   SideW-1:0] m_side_o,
    output logic                m_valid_o,
    input  logic                m_ready_i
);
  localparam int unsigned Cycles = FromIntLatency + MulLatency + ToBf16Latency;
  localparam int unsigned Places = Cycles + 5;  // covers the round trip of a place: no pause at full rate
  localparam int unsigned CountW = $clog2(Places + 1);

  logic [CountW-1:0] count_q;  // taken and not delivered
  logic room_q;
  wire take = s_valid_i && s_ready_o;
  wire pop = m_valid_o && m_ready_i;
  assign s_ready_o = room_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
      room_q  <= 1'b1;
    end else begin
      count_q <= count_q + CountW'(take) - CountW'(pop);
      room_q  <= count_q < CountW'(Places - 1);
    end
  end

  logic [31:0] scale;
  logic [16*Lanes-1:0] numbers;
  logic [SideW-1:0] side;
  logic valid, places;
  logic [CountW-1:0] level;
  fp32_delay #(.Width(32), .Cycles(FromIntLatency)) u_scale (
      .clk_i, .enable_i(1'b1), .d_i(s_codes_i.scale), .q_o(scale)
  );
  for (genvar l = 0; l < Lanes; l++) begin : gen_lanes
    logic [31:0] code, product;
    fp32_from_int #(.Bits(8)) u_code (.clk_i, .enable_i(1'b1), .a_i(s_codes_i.codes[8*l+:8]), .y_o(code));
    fp32_mul u_product (.clk_i, .enable_i(1'b1), .a_i(code), .b_i(scale), .y_o(product));
    fp32_to_bf16 u_number (.clk_i, .enable_i(1'b1), .a_i(product), .y_o(numbers[16*l+:16]));
  end
  fp32_delay #(.Width(SideW), .Cycles(Cycles)) u_side (.clk_i, .enable_i(1'b1), .d_i(s_side_i), .q_o(side));
  fp32_valid #(.Cycles(Cycles)) u_valid (.clk_i, .rst_ni, .enable_i(1'b1), .valid_i(take), .valid_o(valid));

  fifo #(.Width(16 * Lanes + SideW), .Depth(Places)) u_numbers (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i({side, numbers}), .s_valid_i(valid), .s_ready_o(places),
      .m_data_o({m_side_o, m_data_o}), .m_valid_o, .m_ready_i, .level_o(level)
  );

  wire unused = ^level;
  a_places :
  assert property (@(posedge clk_i) disable iff (!rst_ni) (valid |-> places) and count_q <= CountW'(Places));
endmodule
