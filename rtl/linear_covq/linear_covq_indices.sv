// linear_covq_indices: centroid indices between the search and the row sources.
//
// Search writes them as [position][token]; they are read as [position] (gather) or [pass][block][lane][token] (table), and
// again for every further command on the same input (search = 0), without a second search. Two banks: while one is read the
// next input's indices may arrive. A position is read as soon as all its tokens are there.
//
// Latency:      3 cycles from the write of a position's last index to its output.
// Throughput:   one index a cycle in and out.
// Back-pressure: a third input waits until the first one's last reader has gone on to a command with search = 1.
//
// Parameters:
//   Lanes, Tokens  of the row sources
//   MaxPositions   positions of an input at most
//   MaxTokens      tokens of a command at most
//   CidxW          bits of an index
module linear_covq_indices #(
    parameter int unsigned Lanes = 2,
    parameter int unsigned Tokens = 8,
    parameter int unsigned MaxPositions = 512,
    parameter int unsigned MaxTokens = 32,
    parameter int unsigned CidxW = 6
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             clear_i,
    // one per search: how many positions come
    input  logic [     15:0] s_write_positions_i,
    input  logic             s_write_valid_i,
    output logic             s_write_ready_o,
    input  logic [CidxW-1:0] s_axis_cidx_tdata,
    input  logic             s_axis_cidx_tlast,         // last token of a position
    input  logic             s_axis_cidx_tvalid,
    output logic             s_axis_cidx_tready,
    // one per command: how to read
    input  logic             s_read_search_i,           // go on to the next bank first
    input  logic             s_read_table_i,
    input  logic [     15:0] s_read_positions_i,
    input  logic [     15:0] s_read_tokens_i,
    input  logic [     15:0] s_read_passes_i,
    input  logic             s_read_valid_i,
    output logic             s_read_ready_o,            // high in the cycle of the last read
    output logic [CidxW-1:0] m_axis_cidx_tdata,
    output logic             m_axis_cidx_ttable,        // for the table source
    output logic             m_axis_cidx_tvalid,
    input  logic             m_axis_cidx_tready
);
  localparam int unsigned PosW = $clog2(MaxPositions);
  localparam int unsigned TokW = (MaxTokens > 1) ? $clog2(MaxTokens) : 1;
  localparam int unsigned LaneW = (Lanes > 1) ? $clog2(Lanes) : 1;
  localparam int unsigned Credits = 4;

  (* ram_style = "block" *) logic [CidxW-1:0] mem[2<<(PosW+TokW)];

  // ---- write side -------------------------------------------------------------------------------------------------
  logic wr_bank_q;
  logic [1:0] free_q;                // bank may be written anew
  logic [1:0][PosW:0] complete_q;    // complete positions in each bank
  logic [PosW-1:0] wr_pos_q;
  logic [TokW-1:0] wr_tok_q;
  logic writing_q, free_bank;        // a search has been let into wr_bank_q; its next bank is free

  wire write = s_axis_cidx_tvalid && s_axis_cidx_tready;
  wire write_end = write && s_axis_cidx_tlast && 16'(wr_pos_q) == s_write_positions_i - 16'd1;

  assign free_bank = free_q[wr_bank_q];
  assign s_axis_cidx_tready = writing_q;
  assign s_write_ready_o = write_end;

  always_ff @(posedge clk_i) if (write) mem[{wr_bank_q, wr_pos_q, wr_tok_q}] <= s_axis_cidx_tdata;

  // ---- read side --------------------------------------------------------------------------------------------------
  logic rd_bank_q, rd_open_q, entered_q;  // entered: the command's bank is chosen
  logic [PosW-1:0] rd_block_q;            // first position of the block
  logic [LaneW-1:0] rd_lane_q;
  logic [15:0] rd_tok_q, rd_base_q;       // token within the pass, first token of the pass
  logic [15:0] blocks_q, passes_q;        // still to read in this pass, in this command, the current one included
  // The positions of this block and of the next are complete: registered, so that a read waits for no comparison. What
  // was seen of the next block holds for one that has not moved since (fresh).
  logic there_q, there_next_q, fresh_q;
  logic read_q, read_table_q, read_fill_q;
  logic [CidxW-1:0] read_data_q;
  logic [$clog2(Credits+1)-1:0] credits_q, unused_level;

  wire [PosW:0] complete = complete_q[rd_bank_q];
  wire [PosW-1:0] rd_pos = rd_block_q + PosW'(rd_lane_q);
  wire [15:0] rd_token = rd_base_q + rd_tok_q;
  wire read = entered_q && there_q && credits_q != '0;
  wire last_tok = !s_read_table_i || rd_tok_q == 16'(Tokens - 1);
  wire last_lane = rd_lane_q == LaneW'(Lanes - 1);
  wire last_block = blocks_q == 16'd1;
  wire last_pass = passes_q == 16'd1;
  wire advance = read && last_tok && last_lane;
  wire enter = s_read_valid_i && !entered_q;
  wire leave_bank = enter && s_read_search_i && rd_open_q;

  assign s_read_ready_o = advance && last_block && last_pass;

  always_ff @(posedge clk_i) begin
    if (read) begin
      read_data_q  <= mem[{rd_bank_q, rd_pos, rd_token[TokW-1:0]}];
      read_table_q <= s_read_table_i;
      read_fill_q  <= rd_token >= s_read_tokens_i;  // a token that the last pass does not have
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      wr_bank_q  <= 1'b0;
      free_q     <= '1;
      complete_q <= '0;
      wr_pos_q   <= '0;
      wr_tok_q   <= '0;
      writing_q  <= 1'b0;
      rd_bank_q  <= 1'b1;
      rd_open_q  <= 1'b0;
      entered_q  <= 1'b0;
      rd_block_q <= '0;
      rd_lane_q  <= '0;
      rd_tok_q   <= '0;
      rd_base_q  <= '0;
      there_q    <= 1'b0;
      fresh_q    <= 1'b0;
      read_q     <= 1'b0;
      credits_q  <= ($clog2(Credits + 1))'(Credits);
    end else begin
      if (!writing_q && s_write_valid_i && free_bank) begin
        writing_q         <= 1'b1;
        free_q[wr_bank_q] <= 1'b0;
      end
      if (write) begin
        wr_tok_q <= s_axis_cidx_tlast ? '0 : wr_tok_q + TokW'(1);
        if (s_axis_cidx_tlast) begin
          wr_pos_q              <= write_end ? '0 : wr_pos_q + PosW'(1);
          complete_q[wr_bank_q] <= complete_q[wr_bank_q] + (PosW + 1)'(1);
        end
        if (write_end) begin
          writing_q <= 1'b0;
          wr_bank_q <= !wr_bank_q;
        end
      end

      if (enter) begin
        entered_q <= 1'b1;
        blocks_q  <= s_read_positions_i / 16'(Lanes);
        passes_q  <= s_read_passes_i;
        if (s_read_search_i) begin
          rd_bank_q <= !rd_bank_q;
          rd_open_q <= 1'b1;
        end
      end
      if (leave_bank) begin
        free_q[rd_bank_q]     <= 1'b1;
        complete_q[rd_bank_q] <= '0;
      end
      if (s_read_ready_o) entered_q <= 1'b0;

      there_next_q <= 32'(complete) >= 32'(rd_block_q) + 2 * Lanes;
      fresh_q      <= entered_q && !advance;
      if (!entered_q || s_read_ready_o) there_q <= 1'b0;
      else if (advance) there_q <= last_block || (fresh_q && there_next_q);  // a further pass: all is there
      else there_q <= 32'(complete) >= 32'(rd_block_q) + Lanes;

      if (read) begin
        rd_tok_q <= last_tok ? '0 : rd_tok_q + 16'd1;
        if (last_tok) rd_lane_q <= last_lane ? '0 : rd_lane_q + LaneW'(1);
      end
      if (advance) begin
        rd_block_q <= last_block ? '0 : rd_block_q + PosW'(Lanes);
        blocks_q   <= last_block ? s_read_positions_i / 16'(Lanes) : blocks_q - 16'd1;
        if (last_block) begin
          rd_base_q <= last_pass ? '0 : rd_base_q + 16'(Tokens);
          passes_q  <= passes_q - 16'd1;
        end
      end
      read_q <= read;
      if (read != (m_axis_cidx_tvalid && m_axis_cidx_tready))
        credits_q <= read ? credits_q - 1'b1 : credits_q + 1'b1;
    end
  end

  logic out_ready;
  fifo #(
      .Width(CidxW + 1),
      .Depth(Credits)
  ) i_out (
      .clk_i,
      .rst_ni,
      .clear_i,
      .s_data_i ({read_table_q, read_fill_q ? CidxW'(0) : read_data_q}),
      .s_valid_i(read_q),
      .s_ready_o(out_ready),
      .m_data_o ({m_axis_cidx_ttable, m_axis_cidx_tdata}),
      .m_valid_o(m_axis_cidx_tvalid),
      .m_ready_i(m_axis_cidx_tready),
      .level_o  (unused_level)
  );

  a_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) read_q |-> out_ready);
  a_reader_behind_writer :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) leave_bank |-> !free_q[rd_bank_q]);
endmodule
