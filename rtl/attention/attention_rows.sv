// attention_rows: descriptors of one job: `rows` pieces of `lines` beats, the first `skip` beats behind `first`, then one every `stride`.
//
// Latency:       2 cycles. Throughput: one descriptor a cycle, two cycles between jobs; a job of no lines costs one cycle.
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
    input  logic [LineW-1:0] s_skip_i,
    input  logic [LineW-1:0] s_lines_i,
    input  logic [LineW-1:0] s_stride_i,
    input  logic [      7:0] s_rows_i,
    input  logic             s_valid_i,
    output logic             s_ready_o,
    output logic [AddrW-1:0] m_desc_addr,
    output logic [BytesW-1:0] m_desc_bytes,
    output logic             m_desc_tvalid,
    input  logic             m_desc_tready
);
  logic [AddrW-6:0] line;
  logic [LineW-1:0] lines_q, step_q, stride_q;
  logic [7:0] left_q;  // behind this one
  logic place_q;  // on the way to the first
  wire move = place_q || (m_desc_tvalid && m_desc_tready);

  assign s_ready_o = !place_q && !m_desc_tvalid;
  assign m_desc_addr = {line, 5'b0};
  assign m_desc_bytes = {lines_q, 5'b0};

  attention_line #(.AddrW(AddrW)) u_line (
      .clk_i, .rst_ni, .load_i(s_ready_o), .line_i(s_first_i), .move_i(move), .step_i(step_q), .line_o(line)
  );

  always_ff @(posedge clk_i) begin
    if (s_ready_o) begin
      lines_q  <= s_lines_i;
      step_q   <= s_skip_i;
      stride_q <= s_stride_i;
      left_q   <= s_rows_i - 8'd1;
    end else if (move) begin
      step_q <= stride_q;
      if (!place_q) left_q <= left_q - 8'd1;
    end
    if (!rst_ni) begin
      place_q       <= 1'b0;
      m_desc_tvalid <= 1'b0;
    end else begin
      place_q <= s_ready_o && s_valid_i && s_lines_i != '0;
      if (place_q) m_desc_tvalid <= 1'b1;
      else if (m_desc_tready) m_desc_tvalid <= m_desc_tvalid && left_q != '0;
    end
  end
endmodule
