// async_fifo: queue between two clocks of any frequencies and phases: words go in with s_clk_i and come out, in order, with m_clk_i.
//
// The words lie in distributed RAM. Each side knows its own pointer and, late by the synchroniser, the other's: gray code, so that a pointer
// that is caught while it changes is read as its old or its new value, and both are safe.
//
// Latency:       the word is taken at an edge of s_clk_i; m_valid_o rises with edge Stages + 2 of m_clk_i after it, one later if that edge
//                comes too late for the first of them. A place that became free shows in s_ready_o Stages + 1 edges of s_clk_i after the read.
// Throughput:    one word per clock of the slower side with Depth >= 2 * Stages + 6, whatever the clocks.
// Back-pressure: s_ready_o and m_valid_o are registers; neither side waits for the other in a cycle. m_data_o is a register.
// Capacity:      Depth words in the memory, one more in m_data_o.
// Reset:         synchronous in each domain, and of both: there must be a time at which both are low and each clock has two edges. They may
//                rise in any order and at any distance; a word that goes in before the other side is ready waits. A reset of one side alone
//                leaves pointers that contradict each other (words are lost, repeated or made up) until both are reset; in
//                simulation a_reset_of_both fails if it was the writing side.
//
// Parameters:
//   Width   payload bits, >= 1
//   Depth   words, a power of two, >= 4; 32 fill the distributed RAM
//   Stages  flip-flops of the synchronisers, >= 2
module async_fifo #(
    parameter int unsigned Width = 8,
    parameter int unsigned Depth = 32,
    parameter int unsigned Stages = 2
) (
    input  logic             s_clk_i,
    input  logic             s_rst_ni,
    input  logic [Width-1:0] s_data_i,
    input  logic             s_valid_i,
    output logic             s_ready_o,
    input  logic             m_clk_i,
    input  logic             m_rst_ni,
    output logic [Width-1:0] m_data_o,
    output logic             m_valid_o,
    input  logic             m_ready_i
);
  localparam int unsigned AddrW = Depth > 1 ? $clog2(Depth) : 1;
  typedef logic [AddrW:0] ptr_t;  // one bit more than an address: full and empty differ
  localparam ptr_t Lap = ptr_t'(3) << (AddrW - 1);  // what differs in the gray codes of two pointers that are Depth apart

  if (Width < 1) $error("%m: Width is %0d, allowed: >= 1", Width);
  if (Depth < 4 || Depth != 1 << AddrW) $error("%m: Depth is %0d, allowed: powers of two >= 4", Depth);

  function automatic ptr_t gray(input ptr_t ptr);
    return ptr ^ (ptr >> 1);
  endfunction

  (* ram_style = "distributed" *) logic [Width-1:0] mem[Depth];
  ptr_t wr_q, wr_gray_q, wr_seen;  // seen: by the other side
  ptr_t rd_q, rd_gray_q, rd_seen;
  logic full_q, some_q, out_valid_q;
  logic [Width-1:0] out_q;

  // ---- s_clk_i -------------------------------------------------------------------------------------------------------------
  assign s_ready_o = !full_q;
  wire push = s_valid_i && s_ready_o;
  ptr_t wr_next;
  assign wr_next = wr_q + ptr_t'(push);

  synchroniser #(.Width(AddrW + 1), .Stages(Stages)) u_rd_seen (.clk_i(s_clk_i), .rst_ni(s_rst_ni), .d_i(rd_gray_q), .q_o(rd_seen));

  always_ff @(posedge s_clk_i) begin
    if (push) mem[wr_q[AddrW-1:0]] <= s_data_i;
    if (!s_rst_ni) begin
      wr_q      <= '0;
      wr_gray_q <= '0;
      full_q    <= 1'b0;
    end else begin
      wr_q      <= wr_next;
      wr_gray_q <= gray(wr_next);
      full_q    <= push ? gray(wr_q + ptr_t'(1)) == (rd_seen ^ Lap) : wr_gray_q == (rd_seen ^ Lap);
    end
  end

  // ---- m_clk_i -------------------------------------------------------------------------------------------------------------
  assign m_valid_o = out_valid_q;
  assign m_data_o  = out_q;
  wire read = some_q && (!out_valid_q || m_ready_i);
  ptr_t rd_next;
  assign rd_next = rd_q + ptr_t'(read);

  synchroniser #(.Width(AddrW + 1), .Stages(Stages)) u_wr_seen (.clk_i(m_clk_i), .rst_ni(m_rst_ni), .d_i(wr_gray_q), .q_o(wr_seen));

  always_ff @(posedge m_clk_i) begin
    if (read) out_q <= mem[rd_q[AddrW-1:0]];
    if (!m_rst_ni) begin
      rd_q        <= '0;
      rd_gray_q   <= '0;
      some_q      <= 1'b0;
      out_valid_q <= 1'b0;
    end else begin
      rd_q        <= rd_next;
      rd_gray_q   <= gray(rd_next);
      some_q      <= read ? gray(rd_q + ptr_t'(1)) != wr_seen : rd_gray_q != wr_seen;
      out_valid_q <= read || (out_valid_q && !m_ready_i);
    end
  end

  a_wr_gray :
  assert property (@(posedge s_clk_i) disable iff (!s_rst_ni) $onehot0(wr_gray_q ^ $past(wr_gray_q)));
  a_rd_gray :
  assert property (@(posedge m_clk_i) disable iff (!m_rst_ni) $onehot0(rd_gray_q ^ $past(rd_gray_q)));
  a_reset_of_both :
  assert property (@(posedge s_clk_i) $rose(s_rst_ni) |-> rd_gray_q == '0);
endmodule
