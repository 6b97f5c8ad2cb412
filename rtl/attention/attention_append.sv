// attention_append: rounds new keys (or values) to bfloat16 and gives every beat to the writer and to the queue on chip.
//
// Latency:       fp32_pkg::ToBf16Latency = 2. Throughput: one beat a cycle.
// Back-pressure: the pipeline moves unless a beat at its end waits for the writer or the queue; registers only.
module attention_append
  import attention_pkg::*;
(
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [32*Lanes-1:0] s_axis_tdata,
    input  logic                s_axis_tvalid,
    output logic                s_axis_tready,
    output logic [16*Lanes-1:0] m_data_o,
    output logic                m_write_valid_o,
    input  logic                m_write_ready_i,
    output logic                m_queue_valid_o,
    input  logic                m_queue_ready_i
);
  logic valid;
  wire both = m_write_ready_i && m_queue_ready_i;
  wire enable = both || !valid;
  assign s_axis_tready = enable;
  assign m_write_valid_o = valid && m_queue_ready_i;
  assign m_queue_valid_o = valid && m_write_ready_i;

  for (genvar i = 0; i < Lanes; i++) begin : gen_lanes
    fp32_to_bf16 u_round (.clk_i, .enable_i(enable), .a_i(s_axis_tdata[32*i+:32]), .y_o(m_data_o[16*i+:16]));
  end
  fp32_valid #(.Cycles(fp32_pkg::ToBf16Latency)) u_valid (
      .clk_i, .rst_ni, .enable_i(enable), .valid_i(s_axis_tvalid), .valid_o(valid)
  );
endmodule
