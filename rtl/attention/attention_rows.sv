// attention_rows: descriptors of one job: `rows` pieces of `lines` beats, `stride` beats from one to the next.
//
// Latency:       1 cycle. Throughput: one descriptor a cycle; a job of no lines costs one cycle.
// Back-pressure: s_ready_o depends only on registers.
//
// Parameters:
//   AddrW  address bits
module attention_rows
  import attention_pkg::*;
#(
    parameter int unsigned AddrW = 64
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic [AddrW-6:0] s_first_i,   // in beats
    input  logic [LineW-1:0] s_lines_i,
    input  logic [LineW-1:0] s_stride_i,
    input  logic [      7:0] s_rows_i,
    input  logic             s_valid_i,
    output logic             s_ready_o,
    output logic [AddrW-1:0] m_desc_addr,
    output logic [     31:0] m_desc_bytes,
    output logic             m_desc_tvalid,
    input  logic             m_desc_tready
);
  logic [AddrW-6:0] line_q;
  logic [LineW-1:0] lines_q, stride_q;
  logic [7:0] left_q;  // behind this one

  assign s_ready_o = !m_desc_tvalid;
  assign m_desc_addr = {line_q, 5'b0};
  assign m_desc_bytes = 32'({lines_q, 5'b0});

  always_ff @(posedge clk_i) begin
    if (s_ready_o) begin
      line_q   <= s_first_i;
      lines_q  <= s_lines_i;
      stride_q <= s_stride_i;
      left_q   <= s_rows_i - 8'd1;
    end else if (m_desc_tready) begin
      line_q <= line_q + (AddrW - 5)'(stride_q);
      left_q <= left_q - 8'd1;
    end
    if (!rst_ni) m_desc_tvalid <= 1'b0;
    else if (s_ready_o) m_desc_tvalid <= s_valid_i && s_lines_i != '0;
    else if (m_desc_tready) m_desc_tvalid <= left_q != '0;
  end
endmodule
