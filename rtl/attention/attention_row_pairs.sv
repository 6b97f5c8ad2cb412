// attention_row_pairs: descriptors of what a job appends to an int8 cache: for every head the beat with the scale, then the codes.
//
//   with C = beats / 2 beats of codes a position and i the position's place in its block of 8: the beats before the position are
//   `offset`; the scale's is C * i before their end, and one more unless i = 0; the codes begin C * i + 1 behind the scale
//
// Latency:       3 cycles. Throughput: one descriptor a cycle, three cycles between jobs.
// Back-pressure: s_ready_o depends only on registers.
//
// Parameters:
//   AddrW  address bits
// Ports:
//   s_line_i  where the cache begins, in beats
module attention_row_pairs
  import attention_pkg::*;
#(
    parameter int unsigned AddrW = 64
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic [AddrW-6:0] s_line_i,
    input  job_t             s_job_i,
    input  logic             s_valid_i,
    output logic             s_ready_o,
    output logic [AddrW-1:0] m_desc_addr,
    output logic [BytesW-1:0] m_desc_bytes,
    output logic             m_desc_tvalid,
    input  logic             m_desc_tready
);
  logic [AddrW-6:0] line;
  logic [LineW-1:0] step_q, next_q, stride_q;  // steps to the next descriptor, from there to the one behind it
  logic [3:0] codes_q;  // beats
  logic [7:0] left_q;  // heads behind this one
  logic [5:0] ahead_q;  // beats of codes in the block before the position
  logic first_q;  // the position is the first of its block
  logic sum_q, place_q, second_q;  // two cycles on the way to the first scale; the descriptor is of codes
  wire move = place_q || (m_desc_tvalid && m_desc_tready);

  assign s_ready_o = !sum_q && !place_q && !m_desc_tvalid;
  assign m_desc_addr = {line, 5'b0};
  assign m_desc_bytes = second_q ? BytesW'({codes_q, 5'b0}) : BytesW'(32);

  attention_line #(.AddrW(AddrW)) u_line (
      .clk_i, .rst_ni, .load_i(s_ready_o), .line_i(s_line_i), .move_i(move), .step_i(step_q), .line_o(line)
  );

  always_ff @(posedge clk_i) begin
    if (s_ready_o) begin
      step_q   <= s_job_i.offset;
      ahead_q  <= 6'(s_job_i.position[2:0]) * 6'(s_job_i.beats[4:1]);
      first_q  <= s_job_i.position[2:0] == '0;
      stride_q <= s_job_i.stride;
      codes_q  <= s_job_i.beats[4:1];
      left_q   <= s_job_i.kv_heads - 8'd1;
    end else if (sum_q) begin
      if (!first_q) step_q <= step_q + ~LineW'(ahead_q);  // less ahead_q + 1
      next_q <= LineW'(ahead_q) + LineW'(1);
    end else if (move) begin
      step_q <= next_q;
      next_q <= place_q ? stride_q - next_q : step_q;
      if (second_q) left_q <= left_q - 8'd1;
    end
    if (!rst_ni) begin
      sum_q         <= 1'b0;
      place_q       <= 1'b0;
      second_q      <= 1'b0;
      m_desc_tvalid <= 1'b0;
    end else begin
      sum_q   <= s_ready_o && s_valid_i;
      place_q <= sum_q;
      if (place_q) m_desc_tvalid <= 1'b1;
      else if (m_desc_tready && second_q && left_q == '0) m_desc_tvalid <= 1'b0;
      if (m_desc_tvalid && m_desc_tready) second_q <= !second_q;
    end
  end
  wire unused = ^{s_job_i.fresh, s_job_i.position[PositionW-1:3], s_job_i.beats[0], s_job_i.group, s_job_i.scale};
endmodule
