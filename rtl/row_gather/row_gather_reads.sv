// row_gather_reads: the address of each read, as a pipeline.
//
//   m_addr = base_i + s_rel_i + s_cidx_i * stride_i     modulo 2^AddrW
//
// No wide multiplication: cidx * stride is a small product with a stage of its own. No long carry chain: the upper address bits
// follow one stage behind the lower 32.
//
// Latency:       4 cycles (index; product and base; product added; upper bits).
// Throughput:    one address a cycle.
// Back-pressure: m_ready_i reaches s_ready_o combinationally.
//
// Parameters: CidxW, StrideW, AddrW as in row_gather; RelW bits of s_rel_i, >= 33.
// Ports:      base_i, stride_i  constant while busy_o
module row_gather_reads #(
    parameter int unsigned CidxW = 6,
    parameter int unsigned StrideW = 16,
    parameter int unsigned RelW = 38,
    parameter int unsigned AddrW = 64
) (
    input  logic               clk_i,
    input  logic               rst_ni,
    input  logic               clear_i,
    input  logic [  AddrW-1:0] base_i,
    input  logic [StrideW-1:0] stride_i,
    input  logic [  CidxW-1:0] s_cidx_i,
    input  logic [   RelW-1:0] s_rel_i,
    input  logic               s_valid_i,
    output logic               s_ready_o,
    output logic [  AddrW-1:0] m_addr_o,
    output logic               m_valid_o,
    input  logic               m_ready_i,
    output logic               busy_o
);
  localparam int unsigned ProductW = CidxW + StrideW;
  localparam int unsigned UpW = AddrW - 32;

  logic [3:0] valid_q, move;  // move[i]: stage i may be overwritten
  logic [CidxW-1:0] cidx_q;
  logic [RelW-1:0] rel_q;
  logic [ProductW-1:0] product_q;
  logic [32:0] low1_q, low2_q;  // bit 32: the carry
  logic [RelW-33:0] up1_q, up2_q;
  logic [AddrW-1:0] addr_q;

  always_comb begin
    for (int unsigned i = 0; i < 4; i++) move[i] = m_ready_i || !(&(valid_q | 4'((32'd1 << i) - 32'd1)));
  end

  always_ff @(posedge clk_i) begin
    if (move[0]) begin
      cidx_q <= s_cidx_i;
      rel_q  <= s_rel_i;
    end
    if (move[1]) begin
      product_q <= ProductW'(cidx_q) * ProductW'(stride_i);
      low1_q    <= 33'(base_i[31:0]) + 33'(rel_q[31:0]);
      up1_q     <= rel_q[RelW-1:32];
    end
    if (move[2]) begin
      low2_q <= 33'(low1_q[31:0]) + 33'(product_q);
      up2_q  <= up1_q + (RelW - 32)'(low1_q[32]);
    end
    if (move[3]) addr_q <= {base_i[AddrW-1:32] + UpW'(up2_q) + UpW'(low2_q[32]), low2_q[31:0]};
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      valid_q <= '0;
    end else begin
      if (move[0]) valid_q[0] <= s_valid_i;
      for (int unsigned i = 1; i < 4; i++) if (move[i]) valid_q[i] <= valid_q[i-1];
    end
  end

  assign s_ready_o = move[0];
  assign m_addr_o  = addr_q;
  assign m_valid_o = valid_q[3];
  assign busy_o    = |valid_q;

  a_stable :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      m_valid_o && !m_ready_i |=> m_valid_o && $stable(m_addr_o));
endmodule
